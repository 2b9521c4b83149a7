"""Bytes to text."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from app.index.readers.page import UnreadableFile

# The longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w-]+)", re.IGNORECASE)
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257")
_FOREIGN_RUN = re.compile(rb"[\x80-\xff]{4}")  # Latin scripts have their accented letters between plain ones


def is_binary(data: bytes) -> bool:
    """Whether the bytes hold NULs that no byte order mark explains."""
    return b"\0" in data and marked_encoding(data) in {None, "utf-8-sig"}


def marked_encoding(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def decode(data: bytes) -> str:
    """Text of the bytes with line feeds as line ends: by byte order mark, as UTF-8, as its HTML says, or as detected.

    Raises UnreadableFile where none of these fits.
    """
    return _decoded(data).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decoded(data: bytes) -> str:
    declared = _DECLARED.search(data[:2048])
    candidates = [marked_encoding(data) or "utf-8"]
    if declared:
        candidates.append(declared[1].decode("ascii"))
    for encoding in candidates:
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    if _FOREIGN_RUN.search(data) is None:
        latin = from_bytes(data, cp_isolation=list(_LATIN)).best()
        if latin is not None:
            return _western_if_possible(data) if latin.coherence == 0 else str(latin)
    best = from_bytes(data).best()
    if best is None:
        raise UnreadableFile("Its text encoding is unknown; save it as UTF-8.")
    return str(best)


def _western_if_possible(data: bytes) -> str:
    """A text too short to tell its language: of the Latin code pages the western one is by far the most likely."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")
