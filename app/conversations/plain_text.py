"""Words that people send."""

from __future__ import annotations

import re

# Line breaks and tabs are part of what people write, other control characters are not; PostgreSQL stores no NUL, and
# half of a surrogate pair, which JSON can spell, is no text in any encoding.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def plain_text(text: str) -> str:
    """`text` without control characters, and without space around it."""
    return _CONTROL.sub(" ", text).strip()
