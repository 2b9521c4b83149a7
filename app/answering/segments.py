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
_STOP = re.compile(r"[.!?:][\"')\]*_`]*(?:\s*\[\d{1,3}\])*\s*$")
_WRAPPED = 60  # characters: models that copy a hard-wrapped page copy its line ends
_LINE_END = re.compile(r"\s*\n\s*")
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
        self._held = ""  # of the line that is arriving
        self._taken = 0  # characters of that line that were given already
        self._begun = ""  # the sentence or item that the line before has begun, where it was wrapped
        self._in_item = False
        self._fence: str | None = None
        self._block: list[str] = []
        self._paragraph = True

    def feed(self, text: str) -> Iterator[Segment]:
        self._held += text
        while (end := self._held.find("\n")) >= 0:
            line, self._held = self._held[:end].removesuffix("\r"), self._held[end + 1 :]
            yield from self._line(line)
        inside = self._fence is not None or self._block or self._in_item
        if not inside and (self._taken or not _special(self._held)):
            yield from self._early_sentences()

    def finish(self) -> Iterator[Segment]:
        """What is left when the stream has ended. An open code block is dropped: its end never came."""
        if self._held:
            line, self._held = self._held, ""
            yield from self._line(line)
        yield from self._rest()
        if self._fence is None:
            yield from self._table()

    def _early_sentences(self) -> Iterator[Segment]:
        text, before = self._begun + self._held, len(self._begun)
        *complete, (start, _) = sentences(text) or [(0, 0)]
        for begin, end in complete:
            yield from self._segment("sentence", text[begin:end])
        self._begun, self._held = text[start:before], text[max(start, before) :]
        self._taken += max(start - before, 0)

    def _line(self, line: str) -> Iterator[Segment]:
        length, self._taken = self._taken + len(line), 0
        if self._fence is not None:
            yield from self._code_line(line)
        elif length > len(line) or _is_prose(line):
            yield from self._table()
            yield from self._prose_line(line, length)
        else:
            yield from self._rest()
            yield from self._special_line(line)

    def _code_line(self, line: str) -> Iterator[Segment]:
        fence = _FENCE.match(line)
        self._block.append(line)
        if self._fence is not None and fence and fence[1].startswith(self._fence) and line.strip() == fence[1]:
            yield Segment("code", "\n".join(self._block), (), True)
            self._fence, self._block, self._paragraph = None, [], True

    def _special_line(self, line: str) -> Iterator[Segment]:
        if line.lstrip().startswith("|"):
            self._block.append(line)
            return
        yield from self._table()
        if fence := _FENCE.match(line):
            self._fence, self._block = fence[1], [line]
        elif not line.strip() or _HEADING.match(line):  # a heading claims nothing, so there is nothing to check
            self._paragraph = True
        elif _is_wrapped(line, len(line)):
            self._begun, self._in_item = line.rstrip() + "\n", True
        else:
            yield from self._segment("item", line.rstrip())

    def _prose_line(self, line: str, length: int) -> Iterator[Segment]:
        self._begun += line
        if not _is_wrapped(line, length):
            yield from self._rest()
        elif not self._in_item:
            text = self._begun
            *complete, (start, _) = sentences(text)
            for begin, end in complete:
                yield from self._segment("sentence", text[begin:end])
            self._begun = text[start:]
        self._begun += "\n" * bool(self._begun)

    def _rest(self) -> Iterator[Segment]:
        """The sentences or the item that were held for a next line."""
        text, self._begun = self._begun, ""
        if self._in_item:
            self._in_item = False
            yield from self._segment("item", text)
            return
        for start, end in sentences(text):
            yield from self._segment("sentence", text[start:end])

    def _table(self) -> Iterator[Segment]:
        rows, self._block = self._block, []
        if rows and self._fence is None:
            yield Segment("table", "\n".join(rows), (), True)
            self._paragraph = True

    def _segment(self, kind: SegmentKind, text: str) -> Iterator[Segment]:
        cited = tuple(int(number) for number in _MARKER.findall(text))
        bare = _LINE_END.sub(" ", _MARKER.sub("", text).strip("\r\n")).rstrip()
        if re.search(r"\w", bare):
            yield Segment(kind, bare, cited, self._paragraph)
            self._paragraph = False


def _is_prose(line: str) -> bool:
    """Whether `line` is none of blank, fence, heading, list item and table row."""
    special = _FENCE.match(line) or _HEADING.match(line) or _ITEM.match(line) or line.lstrip()[:1] in {"", "|"}
    return not special


def _is_wrapped(line: str, length: int) -> bool:
    """Whether the sentence goes on in the next line: this one is long and ends without a stop. length: of all of it."""
    return length >= _WRAPPED and not _STOP.search(line)


def _special(held: str) -> bool:
    """Whether the line that is arriving may be a fence, heading, list item or table row, or cannot be told yet."""
    start = held.lstrip()
    return start[:1] in {"", "`", "~", "|", "#"} or bool(_ARRIVING.match(start))
