"""The hidden line that ends each comment of Docent's, by which it is known again."""

from __future__ import annotations

import re

_LAST_LINE = re.compile(r"^<!-- docent:(ans_[0-9a-f]+) -->\s*\Z", re.MULTILINE)


def marker(answer_id: str) -> str:
    return f"<!-- docent:{answer_id} -->"


def answer_id_of(body: str | None) -> str | None:
    """The id of the answer that a comment is; None for what others wrote, quotes of it included."""
    found = _LAST_LINE.search(body or "")
    return found[1] if found else None
