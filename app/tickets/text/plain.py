"""Characters that no reader sees taken out, and a length that everything after this can afford."""

from __future__ import annotations

import re

from app.conversations.plain_text import plain_text
from app.tickets.text.marking import Cut

# A ticket's question stands at its beginning or its end; what is between them, in a text this long, is a log.
_HEAD_CHARS, _TAIL_CHARS = 120_000, 40_000
_LINE_CHARS = 8_000  # a longer line is data (base64, minified code), and is cut into lines of this length

# Colours and cursor movements of terminals (ECMA-48), and the titles they set. Bounded: an unfinished one is text.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")
# Soft hyphen, zero-width and direction marks, byte order mark: they hide words from every comparison.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_BLANK = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")


def shortened(body: str) -> tuple[str, tuple[Cut, ...]]:
    """`body` without its middle where it is longer than 160,000 characters, and that middle."""
    if len(body) <= _HEAD_CHARS + _TAIL_CHARS:
        return body, ()
    middle = body[_HEAD_CHARS:-_TAIL_CHARS]
    return f"{body[:_HEAD_CHARS]}\n{body[-_TAIL_CHARS:]}", (Cut("too_long", middle),)


def readable(text: str) -> str:
    """`text` with line feeds as its only line ends, plain blanks, and no control or invisible characters."""
    text = _UNSEEN.sub("", _BLANK.sub(" ", _TERMINAL.sub("", _LINE_END.sub("\n", text))))
    return "\n".join(piece.rstrip() for line in plain_text(text).split("\n") for piece in _pieces(line))


def _pieces(line: str) -> list[str]:
    return [line[start : start + _LINE_CHARS] for start in range(0, len(line) or 1, _LINE_CHARS)]
