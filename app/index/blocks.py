"""Markdown text as a row of blocks that are cut only where they must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter


_FENCE = re.compile(r"^(?P<prefix>[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)?)(?P<mark>`{3,}(?=[^`]*$)|~{3,})")
_ROW = re.compile(r"^[ \t>]*\|?.*\|")
_DELIMITER_ROW = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+]|\d+[.)])[ \t])")
# After a full stop that no lower case letter follows, and after a colon at a line's end.
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]*_`]*\s+(?=[^a-z\s])|(?<=[。！？])|(?<=:)[*_]*\n")
_BARE_NUMBER = re.compile(r"[\s*_>-]*(?:\d+|[A-Za-z])[.)]\s*")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or list, a table, or a fence of code, or a piece of one; `gap` is what stood before it."""

    kind: Literal["prose", "table", "code"]
    text: str
    gap: str = "\n\n"
    shares_text: bool = False  # begins with the end of the piece before it


class Splitter:
    """Cuts blocks that are too large. `count` gives the tokens of a text."""

    def __init__(self, count: Callable[[str], int], overlap: int) -> None:
        self._count = count
        self._overlap = overlap

    def pieces(self, block: Block, first_budget: int, budget: int) -> list[Block]:
        """The block in pieces of at most `budget` tokens, the first of at most `first_budget`."""
        if block.kind == "prose":
            return self._prose(block, min(first_budget, budget))
        lines = block.text.split("\n")
        if block.kind == "table":
            return self._table(block, lines, first_budget, budget)
        opening = _FENCE.match(lines[0])
        if opening is None:
            return self._prose(block, min(first_budget, budget))
        has_end = len(lines) > 1 and lines[-1].strip(" \t>").startswith(opening["mark"])
        closing = re.sub(r"[^\s>]", " ", opening["prefix"]) + opening["mark"]
        body = lines[1:-1] if has_end else lines[1:]
        return self._rows(block, ([lines[0]], body, [closing]), first_budget, budget)

    def _table(self, block: Block, lines: list[str], first_budget: int, budget: int) -> list[Block]:
        header = lines[:2]
        if self._count("\n".join(header)) > budget // 2:
            return self._prose(block, min(first_budget, budget))
        return self._rows(block, (header, lines[2:], []), first_budget, budget)

    def _rows(
        self, block: Block, parts: tuple[list[str], list[str], list[str]], first_budget: int, budget: int
    ) -> list[Block]:
        """Pieces cut at line ends, each between the head and the foot of the block."""
        head, rows, foot = parts
        frame = self._count("\n".join(head + foot))
        pieces: list[Block] = []
        taken: list[str] = []
        room = first_budget - frame
        for row in (part for whole in rows for part in self._short_rows(whole, budget - frame)):
            size = self._count(row)
            if taken and size > room:
                cut = _cut_at(taken) if block.kind == "code" else len(taken)
                text = "\n".join(head + taken[:cut] + foot)
                pieces.append(replace(block, text=text, gap="\n\n" if pieces else block.gap))
                taken = taken[cut:]
                room = budget - frame - sum(self._count(line) for line in taken)
            taken.append(row)
            room -= size
        pieces.append(replace(block, text="\n".join(head + taken + foot), gap="\n\n" if pieces else block.gap))
        return pieces

    def _short_rows(self, row: str, room: int) -> list[str]:
        """The line; only one that is too long for any chunk (minified JSON, base64) is cut, if possible at spaces."""
        if self._count(row) <= room:
            return [row]
        return self._sentence_splitter(max(room, 1), overlap=0).split_text(row)

    def _prose(self, block: Block, budget: int) -> list[Block]:
        pieces: list[Block] = []
        position = 0
        for text in self._sentence_splitter(budget, min(self._overlap, budget // 2)).split_text(block.text):
            found = block.text.find(text, position)
            position = found + 1
            line_start = block.text.rfind("\n", 0, max(found, 0)) + 1
            indent = block.text[line_start:found] if found > 0 else ""  # stripped off, but it nests lists
            shown = text if indent.strip() else indent + text
            pieces.append(Block("prose", shown, gap="\n\n" if pieces else block.gap, shares_text=bool(pieces)))
        return pieces

    def _sentence_splitter(self, budget: int, overlap: int) -> SentenceSplitter:
        from llama_index.core.node_parser import SentenceSplitter  # noqa: PLC0415  (1.6 s, and few pages need it)

        # Its own defaults would look for the data of NLTK and tiktoken, and download what is missing.
        return SentenceSplitter(
            chunk_size=budget,
            chunk_overlap=overlap,
            tokenizer=lambda text: range(self._count(text)),
            chunking_tokenizer_fn=sentences,
            paragraph_separator="\n\n",
        )


def blocks_in(text: str) -> list[Block]:
    """The blocks of a section, in order; joined by their gaps they are the text again, but for its outer lines."""
    blocks: list[Block] = []
    position = 0
    lines = text.split("\n")
    for kind, start, end in _spans(lines):
        blocks.append(Block(kind, "\n".join(lines[start:end]), gap="\n" if start == position and blocks else "\n\n"))
        position = end
    return blocks


def _spans(lines: list[str]) -> Iterator[tuple[Literal["prose", "table", "code"], int, int]]:
    """Kind, first line and line after the last of each block."""
    index = 0
    while index < len(lines):
        start = index
        if not lines[index].strip():
            index += 1
            continue
        fence = _FENCE.match(lines[index])
        if fence:
            index = _fence_end(lines, index, fence["mark"])
            yield "code", start, index
        elif _is_table(lines, index):
            while index < len(lines) and _ROW.match(lines[index]):
                index += 1
            yield "table", start, index
        else:
            index += 1
            while index < len(lines) and lines[index].strip() and not _FENCE.match(lines[index]):
                if _is_table(lines, index):
                    break
                index += 1
            yield "prose", start, index


def _cut_at(lines: list[str]) -> int:
    """Where code is best cut: before the last empty line or comment of its second half, else at its end."""
    for index in range(len(lines) - 1, len(lines) // 2, -1):
        if not lines[index].strip() or lines[index].lstrip().startswith(("#", "//", "/*", "--", "REM ")):
            return index
    return len(lines)


def _fence_end(lines: list[str], start: int, mark: str) -> int:
    for index in range(start + 1, len(lines)):
        stripped = lines[index].strip(" \t>")
        if stripped.startswith(mark) and not stripped.strip(mark[0]):
            return index + 1
    return len(lines)


def _is_table(lines: list[str], index: int) -> bool:
    following = lines[index + 1] if index + 1 < len(lines) else ""
    return "|" in lines[index] and "|" in following and _DELIMITER_ROW.match(following) is not None


def sentences(text: str) -> list[str]:
    """Text in list items, and without any in sentences; joined they are the text again."""
    found: list[str] = []
    start = 0
    ends = [match.end() for match in _ITEM.finditer(text)] or [match.end() for match in _SENTENCE_END.finditer(text)]
    for end in [*ends, len(text)]:
        piece = text[start:end]
        if not piece:
            continue
        if found and _BARE_NUMBER.fullmatch(found[-1]):
            found[-1] += piece
        else:
            found.append(piece)
        start = end
    return found
