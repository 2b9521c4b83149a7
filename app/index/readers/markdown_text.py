"""Small pieces of markdown that several readers write."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def fence(code: str, language: str = "") -> str:
    """Code between fences that are longer than any it holds."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{code.strip(chr(10)).rstrip()}\n{marks}"


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    """A markdown table whose first row is the header; '' for no rows."""
    filled = [[cell.replace("|", "\\|").replace("\n", " ").strip() for cell in row] for row in rows if any(row)]
    if not filled:
        return ""
    width = max(len(row) for row in filled)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in filled]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def code_span(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in text.split("\n"))


def replace_pairs(text: str, opening: re.Pattern[str], closing: re.Pattern[str], new: Callable[[str], str]) -> str:
    """Each text between an opening and the next closing replaced, both included, by what `new` makes of it.

    Unlike one expression with `.*?` in it, this takes no quadratic time on openings that are never closed.
    """
    pieces: list[str] = []
    position = 0
    while (start := opening.search(text, position)) and (end := closing.search(text, start.end())):
        pieces += [text[position : start.start()], new(text[start.end() : end.start()])]
        position = end.end()
    return "".join([*pieces, text[position:]])
