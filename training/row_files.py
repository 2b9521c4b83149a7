"""Rows of a CSV or JSONL file, and what is wrong with one that cannot be read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from training.errors import SourceError

ENDINGS = frozenset({".csv", ".jsonl"})


def file_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Every row of a file with one of `ENDINGS`. Raises SourceError with the line of what is broken."""
    return _csv_rows(path) if path.suffix == ".csv" else _jsonl_rows(path)


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    with _opened(path) as file:
        reader = csv.DictReader(file)
        try:
            yield from reader
        except csv.Error as error:
            raise SourceError(f"{path}:{reader.line_num + 1} is no CSV: {error}") from error


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{path}:{number} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise SourceError(f"{path}:{number} is no JSON object")
            yield row


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Raises SourceError where it is no file, or no text in UTF-8; that shows while it is read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}:{_undecodable_line(path)} is no UTF-8 text: save the file as UTF-8") from error
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder: name a file in it") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def _undecodable_line(path: Path) -> int:
    """The first line that is no UTF-8: the error itself only knows its place in a buffer."""
    with path.open("rb") as file:
        return next((number for number, line in enumerate(file, start=1) if not _is_utf8(line)), 1)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
