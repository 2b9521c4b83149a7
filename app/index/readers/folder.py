"""Walks a source's folder and says which files can be read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from app.errors import NotFound
from app.index.readers.encoding import is_binary
from app.index.readers.page import SourceFile
from app.index.readers.patterns import Patterns
from app.index.section import Skipped

DOCUMENT_SUFFIXES = frozenset({".md", ".mdx", ".markdown", ".rst", ".html", ".htm", ".txt", ".ipynb"})
OPENAPI_SUFFIXES = frozenset({".yaml", ".yml", ".json"})

_PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
_HEAD_BYTES = 65_536  # enough of a large YAML or JSON file to see what it is
_OPENAPI_YAML = re.compile(rb"^[\"']?(?:openapi|swagger)[\"']?[ \t]*:", re.MULTILINE)
_OPENAPI_JSON = re.compile(rb"\"(?:openapi|swagger)\"\s*:\s*\"\d")


def scan(
    root: Path, max_bytes: int, patterns: Patterns | None = None, only: frozenset[str] | None = None
) -> Iterator[SourceFile | Skipped]:
    """Every readable file below `root` in sorted order, and those left out with the reason.

    patterns: which files are looked at. only: paths of the files that are, where the others are known not to have
    changed; links are looked at in any case, since what they lead to may have.

    `root` may be a single file; its folder is the root then. Unknown kinds of files, YAML and JSON files that are
    no OpenAPI documents, hidden files, hidden folders, node_modules, __pycache__ and virtual environments are passed
    over silently. Links to folders inside the root are not followed (their pages are read where they stand), links
    to files inside it are. Raises NotFound where there is no `root`.
    """
    root = root.expanduser().absolute()
    if not root.exists():
        raise NotFound(f"There is no file or folder {root}.")
    if root.is_dir():
        yield from _folder(root, root, _Wanted(max_bytes, patterns or Patterns(), only))
        return
    if _is_known(root):
        yield from _file(root, root.parent, max_bytes)
    else:
        kind = f"'{root.suffix}'" if root.suffix else "A file without an extension"
        yield Skipped(root.name, f"{kind} is not a kind of file that can be read.")


@dataclass(frozen=True, slots=True)
class _Wanted:
    max_bytes: int
    patterns: Patterns
    only: frozenset[str] | None

    def wants(self, entry: Path, root: Path) -> bool:
        path = _relative(entry, root)
        known = self.only is not None and path not in self.only and not entry.is_symlink()
        return not known and self.patterns.wants(path)


def _folder(folder: Path, root: Path, wanted: _Wanted) -> Iterator[SourceFile | Skipped]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield _skipped(folder, root, f"The folder cannot be read: {error.strerror}.", passing=True)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not _encodes(entry.name):
            readable = os.fsencode(entry).decode("utf-8", "backslashreplace")
            yield Skipped(PurePath(readable).name, "Its name is not UTF-8: rename it.")
            continue
        if entry.is_symlink() and not _stays_inside(entry, root):
            if _is_known(entry) or entry.is_dir():
                yield _skipped(entry, root, "The link leads out of the source's folder.")
        elif entry.is_dir():
            if not (entry.is_symlink() or entry.name in _PASSED_OVER or (entry / "pyvenv.cfg").exists()):
                yield from _folder(entry, root, wanted)
        elif _is_known(entry) and wanted.wants(entry, root):
            yield from _file(entry, root, wanted.max_bytes)


def _encodes(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _file(path: Path, root: Path, max_bytes: int) -> Iterator[SourceFile | Skipped]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield _skipped(path, root, "It is not a regular file.")
            return
        if path.suffix.lower() in OPENAPI_SUFFIXES and not _is_openapi(path, whole=status.st_size <= max_bytes):
            return
        if status.st_size > max_bytes:
            limit = f"more than {max_bytes:,} bytes, the limit set by DOCENT_INDEX__MAX_FILE_BYTES"
            yield _skipped(path, root, f"The file has {status.st_size:,} bytes, {limit}.")
            return
        data = path.read_bytes()
    except OSError as error:
        yield _skipped(path, root, f"The file cannot be read: {error.strerror}.", passing=True)
        return
    if not data.strip():
        yield _skipped(path, root, "The file is empty.")
    elif is_binary(data):
        yield _skipped(path, root, "The file holds binary data (NUL bytes), not text.")
    else:
        yield SourceFile(_relative(path, root), path, hashlib.sha256(data).hexdigest())


def _stays_inside(link: Path, root: Path) -> bool:
    try:
        target = link.resolve(strict=True)
    except FileNotFoundError:
        return True  # leads nowhere: reported when it is read
    except (OSError, RuntimeError):
        return True  # leads to itself: likewise
    return target.is_relative_to(root.resolve())


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in DOCUMENT_SUFFIXES | OPENAPI_SUFFIXES


def _is_openapi(path: Path, *, whole: bool) -> bool:
    """Whether a YAML or JSON file looks like an OpenAPI document; a broken one that looks like it does count."""
    with path.open("rb") as stream:
        data = stream.read() if whole else stream.read(_HEAD_BYTES)
    if not data.lstrip().startswith(b"{"):
        return path.suffix.lower() != ".json" and _OPENAPI_YAML.search(data) is not None
    if _OPENAPI_JSON.search(data) is None:
        return False
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return True
    return "openapi" in document or "swagger" in document


def _skipped(path: Path, root: Path, reason: str, *, passing: bool = False) -> Skipped:
    return Skipped(_relative(path, root), reason, passing=passing)


def _relative(path: Path, root: Path) -> str:
    return os.fspath(path.relative_to(root).as_posix())
