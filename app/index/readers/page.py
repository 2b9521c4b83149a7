"""What every reader gives: the parts of one page, gathered heading by heading."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from app.errors import DocentError


class UnreadableFile(DocentError):
    """The content of a file could not be made into sections; the text says what is wrong with it."""

    status = 422
    kind = "unreadable-file"
    title = "A file could not be read"


class PassingTrouble(UnreadableFile):
    """The file may be readable the next time."""


_MAX_PATH = 12  # headings in a path; folds may be nested deeper


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that can be read.

    path: POSIX path below the root of its source.
    absolute: where it stands on this machine.
    content_hash: sha256 of its bytes, 64 hex digits.
    """

    path: str
    absolute: Path
    content_hash: str


@dataclass(frozen=True, slots=True)
class Part:
    """A section without its page: `within` is the anchor of the enclosing section, for parts that have none."""

    heading_path: tuple[str, ...]
    anchor: str
    text: str
    within: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page in parts; slug and doc_id are what its front matter says about its URL, summary its description."""

    title: str
    parts: list[Part]
    slug: str = ""
    doc_id: str = ""
    summary: str = ""


@dataclass(slots=True)
class _Entry:
    level: int
    heading: str
    anchor: str
    within: str
    folded: bool = False  # opened by a <summary>: closed by its own end, not by the next heading
    texts: list[str] = field(default_factory=list)


class Outline:
    """Gathers headings and texts in the order of the page.

    The first heading of all, where it is of level 1 and is the title or serves as it, is not part of any
    heading path: its text is the top of the page.
    """

    def __init__(self, title: str = "") -> None:
        self.title = title
        top = _Entry(level=0, heading="", anchor="", within="")
        self._folds = 0  # open ones
        self._all = [top]
        self._open = [top]
        self._paths: list[tuple[str, ...]] = [()]

    def heading(self, level: int, heading: str, anchor: str) -> None:
        """Start the section of a heading; level 1 is the topmost."""
        is_first = len(self._all) == 1
        if level == 1 and not self.title:
            self.title = heading
        if level == 1 and is_first and heading.casefold() == self.title.casefold():
            return
        if not heading:
            return
        while not self._open[-1].folded and self._open[-1].level >= level:
            self._open.pop()
        self._push(_Entry(level, heading, anchor, within=self._anchor()))

    def enter(self, summary: str) -> None:
        """Start a folded section (<details>) below the current one."""
        self._folds += 1
        self._push(_Entry(self._open[-1].level, summary, "", within=self._anchor(), folded=True))

    def leave(self) -> None:
        """End the innermost folded section: what follows belongs to the section around it."""
        if self._folds == 0:
            return
        self._folds -= 1
        while not self._open.pop().folded:
            pass

    def text(self, text: str) -> None:
        """Add markdown to the current section."""
        text = text.strip("\n").rstrip()
        if text.strip():
            self._open[-1].texts.append(text)

    def page(self, fallback_title: str, *, slug: str = "", doc_id: str = "", summary: str = "") -> Page:
        """The page so far; sections without text are left out."""
        parts = [
            Part(path, entry.anchor, "\n\n".join(entry.texts), entry.within)
            for entry, path in zip(self._all, self._paths, strict=True)
            if entry.texts
        ]
        return Page(self.title or fallback_title, parts, slug=slug, doc_id=doc_id, summary=summary)

    def _push(self, entry: _Entry) -> None:
        self._open.append(entry)
        self._all.append(entry)
        above = self._open[1:_MAX_PATH]
        self._paths.append((*(opened.heading for opened in above if opened is not entry), entry.heading))

    def _anchor(self) -> str:
        return self._open[-1].anchor or self._open[-1].within


def humanised(path: str) -> str:
    """A title made of a file's name: `load-model.md` is 'Load model', an index page is called like its folder."""
    pure = PurePosixPath(path)
    name = pure.stem
    if name.lower() in {"index", "readme"} and pure.parent.name:
        name = pure.parent.name
    words = re.sub(r"[-_\s]+", " ", name).strip()
    return words[:1].upper() + words[1:] or path
