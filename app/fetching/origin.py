"""Where a source's documents come from, and what fetching them gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.index.section import Skipped


@dataclass(frozen=True, slots=True)
class Origin:
    """location: path of a folder or file | git URL, or path of a repository | URL of a sitemap or of a start page.

    branch, subfolder: of git; '' is the remote's HEAD, and the whole tree.
    include, exclude: patterns as in .gitignore files. Of a website they are held against the path of the page's URL
    without its leading slash and query (`docs/guides/start.html`), while it is crawled; of folders and git
    repositories the caller holds them against the files. A website's start page is read whatever they say, so that its
    links are known, but kept only where they want it.
    """

    kind: Literal["folder", "git", "website"]
    location: str
    branch: str = ""
    subfolder: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """root: folder (or single file) to read.

    state: JSON; handed to the next fetch once an index with these documents serves.
    changed: POSIX paths below root that differ from what the state before stood for, deleted ones included; None
        where that is not known.
    urls: page URL by path (websites).
    failed: pages that could not be fetched; `path` is where they would stand below root.
    unreachable: the paths among them that may still be there (5xx, timeout, cut off): what is had of them is kept.
    """

    root: Path
    state: dict[str, Any]
    changed: frozenset[str] | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[Skipped, ...] = ()
    unreachable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """total: as known so far, of pages or of git's objects; 0 where it is not known. item: what is worked on."""

    done: int
    total: int
    item: str


@dataclass(frozen=True, slots=True)
class Probed:
    """What a source would give. documents: how many are known so far (website: addresses seen, most of them unread).

    first: some of their paths (website: URLs).
    """

    documents: int
    first: tuple[str, ...]
    failed: tuple[Skipped, ...]
