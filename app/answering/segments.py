"""Cutting a stream of generated text into the smallest pieces that can be checked: sentences, list items, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SegmentKind = Literal["sentence", "item", "code", "table"]


@dataclass(frozen=True, slots=True)
class Segment:
    """text: markdown without [n] markers. cited: the numbers of those markers.

    starts_paragraph: a blank line stands before it.
    """

    kind: SegmentKind
    text: str
    cited: tuple[int, ...]
    starts_paragraph: bool


_MARKER = re.compile(r"\s*\[(\d{1,3})\](?!\()")
_FENCE = re.compile(r"^\s*(```+|~~~+)")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*]+\*\*\s*:?\s*$)")  # a line all in bold is one, too
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+")
# A sentence ends at . ! ? with its closing quotes and all markers, before a blank and what may begin another one:
# which a marker does not, nor the part of one that has arrived.
_END = re.compile(r"([.!?]+[\"')\]*_`]*(?:\s*\[\d{1,3}\](?!\())*+)\s+(?=[\"'(*_`A-Z0-9]|\[(?!\d{0,3}(?:\]|$)))")
_ARRIVING = re.compile(r"(?:[-*+]|\d{1,3}[.)]?)(?:\s|$)|\*\*[^*]*\*?$|\*\*[^*]+\*\*\s*:?\s*$")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|no|fig|dr|mr|mrs|st)|\b[A-Za-z]|^\s*\d{1,3})\.$", re.IGNORECASE
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets (start, end) of the sentences of a paragraph; blanks between them belong to none."""
    spans, start = [], 0
    for match in _END.finditer(text):
        if _ABBREVIATION.search(text[start : match.end(1)]):
            continue
        spans.append((start, match.end(1)))
        start = match.end()
    if text[start:].strip():
        spans.append((start, start + len(text[start:].rstrip())))
    return [(begin + len(text[begin:end]) - len(text[begin:end].lstrip()), end) for begin, end in spans]


class Segmenter:
    """Feed it what arrives; it gives the segments that are complete."""

    def __init__(self) -> None:
        self._held = ""
        self._fence: str | None = None
        self._block: list[str] = []
        self._paragraph = True

    def feed(self, text: str) -> Iterator[Segment]:
        self._held += text
        while (end := self._held.find("\n")) >= 0:
            line, self._held = self._held[:end].removesuffix("\r"), self._held[end + 1 :]
            yield from self._line(line)
        if self._fence is None and not self._block and not _special(self._held):
            yield from self._early_sentences()

    def finish(self) -> Iterator[Segment]:
        """What is left when the stream has ended. An open code block is dropped: its end never came."""
        if self._held:
            yield from self._line(self._held)
            self._held = ""
        if self._fence is None:
            yield from self._table()

    def _early_sentences(self) -> Iterator[Segment]:
        spans = sentences(self._held)
        if len(spans) < 2:
            return
        last_start = spans[-1][0]
        for start, end in spans[:-1]:
            yield from self._segment("sentence", self._held[start:end])
        self._held = self._held[last_start:]

    def _line(self, line: str) -> Iterator[Segment]:
        fence = _FENCE.match(line)
        if self._fence is not None:
            self._block.append(line)
            if fence and fence[1].startswith(self._fence) and line.strip() == fence[1]:
                yield Segment("code", "\n".join(self._block), (), True)
                self._fence, self._block, self._paragraph = None, [], True
            return
        if line.lstrip().startswith("|"):
            self._block.append(line)
            return
        yield from self._table()
        if fence:
            self._fence, self._block = fence[1], [line]
        elif not line.strip() or _HEADING.match(line):  # a heading claims nothing, so there is nothing to check
            self._paragraph = True
        elif _ITEM.match(line):
            yield from self._segment("item", line.rstrip())
        else:
            for start, end in sentences(line):
                yield from self._segment("sentence", line[start:end])

    def _table(self) -> Iterator[Segment]:
        rows, self._block = self._block, []
        if rows and self._fence is None:
            yield Segment("table", "\n".join(rows), (), True)
            self._paragraph = True

    def _segment(self, kind: SegmentKind, text: str) -> Iterator[Segment]:
        cited = tuple(int(number) for number in _MARKER.findall(text))
        bare = _MARKER.sub("", text).rstrip()
        if re.search(r"\w", bare):
            yield Segment(kind, bare, cited, self._paragraph)
            self._paragraph = False


def _special(held: str) -> bool:
    """Whether the line that is arriving may be a fence, heading, list item or table row, or cannot be told yet."""
    start = held.lstrip()
    return start[:1] in {"", "`", "~", "|", "#"} or bool(_ARRIVING.match(start))
