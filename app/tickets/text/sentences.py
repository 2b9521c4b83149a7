"""A message cut into its sentences, list items, code and placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.tickets.text.folding import PLACEHOLDER
from app.tickets.text.marking import fenced

_ITEM = re.compile(r"^\s{0,12}(?:[-*+•–]|\(?\d{1,2}[.)]|\(?[a-h]\))\s+(?=\S)")
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s+|\*\*(?=[^*]{1,80}\*\*:?\s*$))")
_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s)|[。？！]+[」』）]*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|no|nr|fig|ver|v|dr|mr|mrs|ms|st|z\.\s?b|d\.\s?h|bzw|usw|ca|ggf"
    r"|evtl|p\.\s?ej|p\.\s?ex|sr|sra)"
    r"|(?<![\w])[A-Za-z]|^\s*\d{1,3})\.$",
    re.IGNORECASE,
)
_STOP = re.compile(r"[.!?:…。？！][\"'”’)\]*_]*\s*$")
_SENTENCE_CHARS = 1_000
_WRAPPED = 55  # characters: mail programs wrap at 65 to 80, and people who end a line earlier mean it


@dataclass(frozen=True, slots=True)
class Sentence:
    """text: on one line, without a list's marker. start, end: its offsets in the message.

    item: the number of its list in the message, 0 outside of lists. block: the number of the block it stands for, 0
    where it is none. code: a fenced block as it stands. opens: whether it begins a line.
    """

    text: str
    start: int
    end: int
    paragraph: int
    item: int = 0
    block: int = 0
    code: bool = False
    opens: bool = False


@dataclass(slots=True)
class _Unit:
    start: int
    end: int
    item: bool = False
    block: int = 0
    code: bool = False


def split(message: str) -> list[Sentence]:
    """The sentences of `message` in their order. Takes time in proportion to its length."""
    found: list[Sentence] = []
    lists = 0
    in_list = False
    for paragraph, units in enumerate(_paragraphs(message), start=1):
        for unit in units:
            lists += unit.item and not in_list
            in_list = unit.item or (in_list and bool(unit.block or unit.code))
            found += _sentences(message, unit, paragraph, lists if unit.item else 0)
    return found


def _paragraphs(message: str) -> Iterator[list[_Unit]]:
    lines = message.split("\n")
    in_code = fenced(lines)
    units: list[_Unit] = []
    offset = 0
    is_open = False  # whether the next line may go on with the last unit
    for line, code in zip(lines, in_code, strict=True):
        end = offset + len(line)
        placeholder = PLACEHOLDER.fullmatch(line.strip()) if not code else None
        if code:
            if units and units[-1].code:
                units[-1].end = end
            else:
                units.append(_Unit(offset, end, code=True))
            is_open = False
        elif not line.strip():
            if units:
                yield units
            units, is_open = [], False
        elif placeholder:
            units.append(_Unit(offset, end, block=int(placeholder[1])))
            is_open = False
        elif is_open and not _ITEM.match(line) and not _HEADING.match(line):
            units[-1].end = end
            is_open = _goes_on(line, offset, message)
        else:
            units.append(_Unit(offset, end, item=bool(_ITEM.match(line))))
            is_open = _goes_on(line, offset, message)
        offset = end + 1
    if units:
        yield units


def _goes_on(line: str, offset: int, message: str) -> bool:
    """Whether the sentence goes on in the next line: this one is long, or that one begins in lower case."""
    if _STOP.search(line[-12:]):
        return len(line) >= _WRAPPED and not line.rstrip().endswith(":")
    following = message[offset + len(line) + 1 : offset + len(line) + 2]
    return len(line) >= _WRAPPED or following.islower()


def _sentences(message: str, unit: _Unit, paragraph: int, item: int) -> Iterator[Sentence]:
    raw = message[unit.start : unit.end]
    if unit.block or unit.code:
        yield Sentence(raw.strip(), unit.start, unit.end, paragraph, block=unit.block, code=unit.code)
        return
    marker = _ITEM.match(raw) or _HEADING.match(raw)
    begin = marker.end() if marker else 0
    for start, end in _spans(raw, begin):
        text = " ".join(raw[start:end].split())
        if marker and "#" not in marker[0] and "**" in marker[0]:
            text = text.replace("**", "")
        if re.search(r"\w", text):
            lead = len(raw[start:end]) - len(raw[start:end].lstrip())
            yield Sentence(text, unit.start + start + lead, unit.start + end, paragraph, item, opens=start == begin)


def _spans(raw: str, begin: int) -> Iterator[tuple[int, int]]:
    start = begin
    for match in _END.finditer(raw, begin):
        following = raw[match.end() : match.end() + 40].lstrip()[:1]
        if match[0][0] == "." and (
            _ABBREVIATION.search(raw[max(start, match.start() - 12) : match.start() + 1])
            or (match[0][:3] == "..." and following.islower())
        ):
            continue
        yield from _pieces(start, match.end())
        start = match.end()
    if raw[start:].strip():
        yield from _pieces(start, len(raw.rstrip()))


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """A span in pieces that are short enough: what has no stop for a thousand characters is no sentence."""
    while start < end:
        yield start, min(start + _SENTENCE_CHARS, end)
        start += _SENTENCE_CHARS
