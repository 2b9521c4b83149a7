"""The pages of one website on disk: written aside while they are fetched, and put in place all at once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic does not take that of Python 3.11

from app.fetching.errors import writing


class PageRecord(TypedDict):
    """What is known of a stored page; `sha256` is of its file, the rest is what the server said of it."""

    url: str
    sha256: str
    etag: str
    modified: str
    nofollow: bool


_RECORDS = TypeAdapter(dict[str, PageRecord])


class PageStore:
    """`folder`/pages holds the last whole fetch, `folder`/pages.new the one at work; unchanged files are hard links.

    A file of the last fetch is trusted only where it is the one that `before` stands for: the caller may have gone
    back to an older state than the files'. Errors of the disk are FetchFailed.
    """

    def __init__(self, folder: Path, before: object) -> None:
        """before: the records by path of the state before; anything else counts as none."""
        self.root = folder / "pages"
        self._aside = folder / "pages.new"
        self._replaced = folder / "pages.old"
        try:
            self.before: Mapping[str, PageRecord] = _RECORDS.validate_python(before)
        except ValidationError:
            self.before = {}
        self._path_before = {record["url"]: path for path, record in self.before.items()}
        self.records: dict[str, PageRecord] = {}
        self._absent: dict[str, PageRecord] = {}
        self.bytes = 0
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if self._replaced.exists() and not self.root.exists():
                self._replaced.rename(self.root)  # killed between the two renames of `put_in_place`
            for left in (self._aside, self._replaced):
                shutil.rmtree(left, ignore_errors=True)
            self._aside.mkdir()

    def conditions(self, url: str) -> dict[str, str]:
        """Headers that spare the body of a page whose copy is here."""
        path = self._path_before.get(url)
        if path is None or self._old(path) is None:
            return {}
        record = self.before[path]
        headers = {"If-None-Match": record["etag"], "If-Modified-Since": record["modified"]}
        return {name: value for name, value in headers.items() if value}

    def path_before(self, url: str) -> str | None:
        return self._path_before.get(url)

    def holds(self, path: str) -> bool:
        """Whether a page was stored under the path in this fetch."""
        return path in self.records

    def add(self, path: str, data: bytes, record: PageRecord) -> None:
        target = self._aside / path
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        self.records[path] = record
        self.bytes += len(data)

    def keep(self, path: str) -> bytes | None:
        """Keep a page as it was; its bytes, None where its copy is not here and only its record is kept."""
        data = self._old(path)
        if data is None:
            self._absent[path] = self.before[path]
            return None
        target = self._aside / path
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(self.root / path, target)
            except OSError:
                target.write_bytes(data)  # a file system without links
        self.records[path] = self.before[path]
        self.bytes += len(data)
        return data

    def drop(self, path: str) -> None:
        """Take a page out again that was stored in this fetch."""
        with writing(self._aside):
            (self._aside / path).unlink()
        del self.records[path]

    def put_in_place(self) -> None:
        with writing(self.root):
            if self.root.exists():
                self.root.rename(self._replaced)
            self._aside.rename(self.root)
            shutil.rmtree(self._replaced, ignore_errors=True)

    def discard(self) -> None:
        shutil.rmtree(self._aside, ignore_errors=True)

    def state(self) -> dict[str, Any]:
        """Records by path, those included of pages that were not to be had and of which no copy is here."""
        return {**self._absent, **self.records}

    def changed(self) -> frozenset[str]:
        """Paths that differ from the state before."""
        now = self.state()
        paths = {*now, *self.before}
        return frozenset(path for path in paths if _hash_of(now, path) != _hash_of(self.before, path))

    def _old(self, path: str) -> bytes | None:
        try:
            data = (self.root / path).read_bytes()
        except OSError:
            return None
        return data if sha256(data) == self.before[path]["sha256"] else None


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hash_of(records: Mapping[str, PageRecord], path: str) -> str | None:
    return records[path]["sha256"] if path in records else None
