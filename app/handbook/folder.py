"""Reads the handbook's folder, and again when a file of it was added, changed or removed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from app.handbook.pages import IMAGES, START, Edition, Page
from app.index.readers import SourceFile, UnreadableFile, scan
from app.index.readers.encoding import decode
from app.index.readers.front_matter import split_front_matter
from app.index.readers.page import humanised
from app.index.readers.urls import MARKDOWN_SUFFIXES

_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})
_MAX_BYTES = 5_000_000  # of a page
_LINK = re.compile(r"\]\(([^)\s#]+)")

_Stamp = list[tuple[str, int, int]]


class Handbook:
    """The handbook of a folder of markdown files. Its methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: tuple[_Stamp, Edition] = ([], Edition([], {}))

    def edition(self) -> Edition:
        """The handbook as its files are now; its pages are rendered once, until a file changes."""
        stamp = sorted(self._stamp())
        read, edition = self._read
        if stamp != read:
            edition = Edition(self._pages(), self._images())
            self._read = (stamp, edition)
        return edition

    def _stamp(self) -> Iterator[tuple[str, int, int]]:
        for file in self._folder.rglob("*"):
            if file.suffix.lower() not in MARKDOWN_SUFFIXES | _IMAGE_SUFFIXES:
                continue
            try:
                status = file.stat()
            except OSError:
                continue  # removed in this moment, or a link to nothing
            yield str(file), status.st_mtime_ns, status.st_size

    def _pages(self) -> list[Page]:
        """The start page, the others as it lists them, and those it does not list."""
        pages = {page.path: page for page in self._readable()}
        text = pages[START].text if START in pages else ""
        listed = [posixpath.normpath(unquote(link)) for link in _LINK.findall(text)]
        order = {path: place for place, path in reversed(list(enumerate([START, *listed])))}
        return sorted(pages.values(), key=lambda page: (order.get(page.path, len(order)), page.path))

    def _readable(self) -> Iterator[Page]:
        """The pages among the files that are indexed as well."""
        for file in scan(self._folder, _MAX_BYTES):
            if not isinstance(file, SourceFile) or file.absolute.suffix.lower() not in MARKDOWN_SUFFIXES:
                continue
            try:
                front, text = split_front_matter(decode(file.absolute.read_bytes()))
            except (OSError, UnreadableFile):
                continue  # removed in this moment, or of an unknown encoding: the indexer reports it
            title = front.title or humanised(file.path)
            yield Page(file.path, title, front.description, text, slug=front.slug, doc_id=front.doc_id)

    def _images(self) -> dict[str, Path]:
        """Images below images/, without links that lead out of it."""
        folder = self._folder / IMAGES
        return {
            file.relative_to(self._folder).as_posix(): file
            for file in folder.rglob("*")
            if file.suffix.lower() in _IMAGE_SUFFIXES and file.resolve().is_relative_to(folder.resolve())
        }
