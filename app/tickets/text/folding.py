"""Logs, stack traces, transcripts and long code, folded to one line each, so that what is asked can be seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from app.tickets.text.labels import Kind, labels
from app.tickets.text.marking import fenced
from app.tickets.text.search_terms import search_terms

_SHORT_CODE = 20  # lines of a fenced block that may stay in the text
_HEADLINE_CHARS = 100
_NAMES: dict[Kind, str] = {
    "python": "Python traceback",
    "jvm": "Java stack trace",
    "javascript": "JavaScript stack trace",
    "dotnet": ".NET stack trace",
    "go": "Go panic",
    "rust": "Rust error",
    "native": "native stack trace",
    "log": "log",
    "shell": "commands",
    "code": "code",
}
_TRACES = frozenset(_NAMES) - {"log", "shell", "code"}
_FENCE_LANGUAGE = re.compile(r"\s{0,3}[`~]{3,}\s*([\w+-]*)")
_SHELLS = frozenset({"console", "shell-session", "terminal"})
PLACEHOLDER = re.compile(
    rf"\[(?:{'|'.join(map(re.escape, _NAMES.values()))}) (\d{{1,4}})(?:: [^\n\]]{{0,{_HEADLINE_CHARS}}})?\]"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A part that was folded.

    number: 1 for the first, as in its placeholder. text: as it stood in the message, fences taken off.
    terms: what to search for, the most telling first.
    """

    number: int
    kind: Kind
    text: str
    terms: tuple[str, ...]

    @property
    def placeholder(self) -> str:
        """A line like '[Python traceback 1: KeyError: 'level']'."""
        headline = f": {self.terms[0][:_HEADLINE_CHARS].replace(']', ')').replace('[', '(')}" if self.terms else ""
        return f"[{_NAMES[self.kind]} {self.number}{headline}]"


@dataclass(frozen=True, slots=True)
class Folded:
    """text: the message with a placeholder on a line of its own for each block."""

    text: str
    blocks: tuple[Block, ...]


def fold(text: str) -> Folded:
    """Fold what machines wrote. A fenced block is folded whole if it holds such lines, or if it is long code."""
    blocks: list[Block] = []
    kept: list[str] = []
    for kind, lines in _parts(text.split("\n")):
        if kind is None:
            kept += lines
            continue
        body = "\n".join(lines).strip("\n")
        block = Block(len(blocks) + 1, kind, body, search_terms(kind, body.split("\n")))
        blocks.append(block)
        kept.append(block.placeholder)
    return Folded(re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip(), tuple(blocks))


def _parts(lines: list[str]) -> Iterator[tuple[Kind | None, list[str]]]:
    in_code = fenced(lines)
    start = 0
    while start < len(lines):
        end = start + 1
        while (
            end < len(lines) and in_code[end] == in_code[start] and not (in_code[start] and _closes(lines, start, end))
        ):
            end += 1
        if in_code[start]:
            yield _fence_part(lines[start:end])
        else:
            yield from _runs(lines[start:end])
        start = end


def _closes(lines: list[str], start: int, end: int) -> bool:
    """Whether the line before `end` is the fence that closes the one at `start`."""
    mark = lines[start].strip()[:3]
    opening = lines[start].strip()
    opened = opening[: len(opening) - len(opening.lstrip(mark[0]))]
    before = lines[end - 1].strip()
    return end - 1 > start and before.startswith(opened) and not before.strip(mark[0])


def _runs(lines: list[str]) -> Iterator[tuple[Kind | None, list[str]]]:
    found = labels(lines)
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and found[end] == found[start]:
            end += 1
        yield found[start], lines[start:end]
        start = end


def _fence_part(lines: list[str]) -> tuple[Kind | None, list[str]]:
    language = _FENCE_LANGUAGE.match(lines[0])
    body = lines[1:-1]
    found: list[Kind] = [kind for kind in labels(body) if kind is not None]
    trace = next((kind for kind in found if kind in _TRACES), None)
    if trace or (found and len(found) * 2 >= len([line for line in body if line.strip()])):
        return trace or Counter(found).most_common(1)[0][0], body
    if language and language[1].lower() in _SHELLS:
        return "shell", body
    return ("code", body) if len(body) > _SHORT_CODE else (None, lines)
