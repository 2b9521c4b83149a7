"""Which generator makes a site of a folder of docs: its URLs and anchors are what citations link to."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from app.index.readers.urls import Slugger

Generator = Literal["auto", "docusaurus", "mkdocs"]
_CONFIGURATIONS = ("mkdocs.yml", "mkdocs.yaml")
_PLAIN_FILES = re.compile(r"^use_directory_urls:\s*(?:false|no|off)\b", re.MULTILINE | re.IGNORECASE)
_MOST = 1_000_000  # characters of a configuration that are looked through
_REPEATED = re.compile(r"^(.*)_(\d+)$")


class Anchors(Protocol):
    """Anchors of the headings of one page, in their order."""

    def slug(self, heading: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Site:
    """mkdocs: else GitHub's and Docusaurus' rules hold. directory_urls: MkDocs' setting, a folder for each page."""

    mkdocs: bool = False
    directory_urls: bool = True

    @property
    def ending(self) -> str:
        """Of the URL of a page in markdown that is not the index of its folder."""
        if not self.mkdocs:
            return ""
        return "/" if self.directory_urls else ".html"

    def anchors(self) -> Anchors:
        return TocSlugger() if self.mkdocs else Slugger()


DOCUSAURUS = Site()


def site_of(root: Path, generator: Generator) -> Site:
    """The site that is made of the docs in `root`. auto: MkDocs where its mkdocs.yml stands in `root` or beside it.

    A configuration that cannot be read counts as one without settings.
    """
    if generator == "docusaurus":
        return DOCUSAURUS
    folder = root if root.is_dir() else root.parent
    for place in (folder, folder.parent):
        for name in _CONFIGURATIONS:
            if (place / name).is_file():
                return Site(mkdocs=True, directory_urls=not _PLAIN_FILES.search(_text(place / name)))
    return Site(mkdocs=generator == "mkdocs")


def _text(configuration: Path) -> str:
    try:
        return configuration.read_text(encoding="utf-8", errors="replace")[:_MOST]
    except OSError:
        return ""


class TocSlugger:
    """Anchors by the defaults of Python-Markdown's `toc`, which MkDocs uses. One for each page."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def slug(self, heading: str) -> str:
        """ASCII in lower case, '-' for blanks and hyphens; a repeated one gets '_1', '_2', one of nothing is '_1'."""
        ascii_only = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode("ascii")
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())
        while slug in self._seen or not slug:
            counted = _REPEATED.match(slug)
            slug = f"{counted[1]}_{int(counted[2]) + 1}" if counted else f"{slug}_1"
        self._seen.add(slug)
        return slug
