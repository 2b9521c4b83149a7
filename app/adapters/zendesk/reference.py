"""The line that ends each comment of Docent's, by which it is known again: Zendesk keeps no hidden text."""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"^Reference: (ans_[0-9a-f]+)\s*\Z", re.MULTILINE)


def reference(answer_id: str) -> str:
    return f"Reference: {answer_id}"


def answer_id_of(text: str) -> str | None:
    """The id of the answer that a comment's plain text is; None for what others wrote.

    A mail that quotes an answer without a mark at its lines looks the same: do not drop a requester's words by it.
    """
    found = _REFERENCE.search(text)
    return found[1] if found else None
