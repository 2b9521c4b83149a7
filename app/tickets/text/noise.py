"""What differs from machine to machine and is therefore taken out of a search: addresses, dates, ids, home folders."""

from __future__ import annotations

import re

from app.tickets.text.log_lines import TIMESTAMP

_TERM_CHARS = 160
_HOME = re.compile(
    r"(?:/home/|/Users/|/root/|[A-Z]:\\+Users\\+|~/|/tmp/|/var/folders/"
    r"|[A-Z]:\\+Windows\\+Temp\\+)(?:[^\s\"'`:,;()<>|]*[/\\])?"
)
_SECRET = re.compile(
    r"\b(?:(?:bearer|basic)\s+[\w.~+/=-]{8,}|(?:password|passwd|pwd|secret|token|api[_-]?key)\s?[=:]\s?\S+"
    r"|(?:sk|pk|ghp|gho|glpat|xox[abp])[-_][\w-]{10,}|eyJ[\w-]{10,}\.[\w.-]{10,})",
    re.IGNORECASE,
)
_NOISE = re.compile(
    rf"\b{TIMESTAMP}(?![\w.])"
    r"|\b0x[0-9a-fA-F]+\b|\+0x[0-9a-fA-F]+"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])"
    r"|\[?(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}\]?(?::\d+)?"
    r"|\b[\w.+-]{1,64}@[\w-]{1,60}\.[\w.-]{2,60}\b"
    r"|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b|\b\d{7,}\b"
    r"|\b(?:pid|tid|thread|request|request[_ -]?id|req|trace[_ -]?id|session)(?:\s?[=:#]\s?|\s(?=[\w-]*\d))[\w-]+"
)
_HRESULT = re.compile(r"\b0x8[0-9A-Fa-f]{7}\b")
_EMPTY = re.compile(r"(?<![\w>])\(\s*[,;=]?\s*\)|\[\s*\]|<\s*>|\"\s*\"|(?<!\w)'\s*'")


def without_noise(text: str) -> str:
    """`text` as another machine would have written it, on one line and at most 160 characters long.

    Windows' error numbers (0x80070005) look like addresses and are kept.
    """
    text = _HOME.sub("", _SECRET.sub(" ", text[: 8 * _TERM_CHARS]))
    text = _NOISE.sub(lambda match: match[0] if _HRESULT.fullmatch(match[0]) else " ", text)
    text = " ".join(_EMPTY.sub(" ", text).split()).strip(" ,;|").removeprefix("- ")
    if len(text) <= _TERM_CHARS:
        return text
    return text[:_TERM_CHARS].rsplit(" ", 1)[0]
