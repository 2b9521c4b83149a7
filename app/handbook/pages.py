"""The handbook's pages: where each is served, in which order they are read, and where their links lead."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from app.errors import NotFound
from app.handbook.rendering import Rendered, render
from app.index.readers.urls import page_url
from app.runtime import HANDBOOK_URL

START = "index.md"
IMAGES = "images"
_ABSOLUTE = re.compile(r"#|/|[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """path: of its file, below the handbook's folder. text: its markdown without the front matter."""

    path: str
    title: str
    description: str
    text: str
    slug: str = ""
    doc_id: str = ""

    @property
    def cited_url(self) -> str:
        """What citations link to."""
        return page_url(HANDBOOK_URL, self.path, slug=self.slug, doc_id=self.doc_id)

    @property
    def url(self) -> str:
        return "/" if self.path == START else self.cited_url


@dataclass(frozen=True, slots=True)
class Part:
    """Pages that are listed together: those of a folder; without a title, one that stands in no folder."""

    title: str
    pages: tuple[Page, ...]


class Edition:
    """The handbook as its files were at one moment.

    pages: in the order of reading. images: files by their path below the handbook's folder.
    """

    def __init__(self, pages: list[Page], images: dict[str, Path]) -> None:
        self.pages = pages
        self._images = images
        self._served = {unquote(page.cited_url): page for page in pages}
        self._by_path = {page.path: page for page in pages}
        self._rendered: dict[str, Rendered] = {}

    def start(self) -> Page:
        return self.at("")

    def at(self, path: str) -> Page:
        """The page at `path` below HANDBOOK_URL; one with its file's extension or a slash at the end is found, too."""
        bare = f"{HANDBOOK_URL}/{path.rstrip('/').removesuffix('.md')}"
        page = self._served.get(f"{HANDBOOK_URL}/{path}") or self._served.get(bare) or self._served.get(f"{bare}/")
        if page is None:
            raise NotFound("the handbook has no such page: its start page lists them all")
        return page

    def image(self, name: str) -> Path:
        """The file of an image, by its path below images/."""
        file = self._images.get(f"{IMAGES}/{name}")
        if file is None:
            raise NotFound("the handbook has no such image")
        return file

    def parts(self) -> list[Part]:
        """All pages but the start page, by folder."""
        gathered: dict[str, list[Page]] = {}
        for page in self.pages:
            if page.path != START:
                gathered.setdefault(posixpath.dirname(page.path) or page.path, []).append(page)
        return [Part(_title(place, self._by_path), tuple(pages)) for place, pages in gathered.items()]

    def neighbours(self, page: Page) -> tuple[Page | None, Page | None]:
        """The pages before and after this one."""
        place = self.pages.index(page)
        return self.pages[place - 1] if place else None, next(iter(self.pages[place + 1 :]), None)

    def rendered(self, page: Page) -> Rendered:
        """The page's HTML; made on the first call."""
        if page.path not in self._rendered:
            self._rendered[page.path] = render(page.text, lambda link: self.target(page, link))
        return self._rendered[page.path]

    def target(self, page: Page, link: str) -> str | None:
        """Where a link on a page leads: as it is, where it is not relative; None where it leaves the handbook."""
        if _ABSOLUTE.match(link):
            return link
        path, mark, fragment = link.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), unquote(path)))
        if file in self._images:
            return f"{HANDBOOK_URL}/{quote(file)}"
        return f"{self._by_path[file].url}{mark}{fragment}" if file in self._by_path else None


def _title(place: str, pages: dict[str, Page]) -> str:
    """'How-to' of the folder how-to; nothing of a page."""
    return "" if place in pages else posixpath.basename(place).capitalize()
