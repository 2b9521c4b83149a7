"""Makes chunks of the sections of one page: cut along headings, small neighbours packed together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile

from app.index.blocks import Block, Splitter, blocks_in, sentences
from app.index.section import Chunk, Section, Span

_SMALL = 3  # a chunk filled to less than 1/3 takes the beginning of a section that has to be split
_TAIL = 4  # a last part below 1/4 of the limit makes the parts of its section be balanced
_LABEL_TOKENS = 15  # a line of at most so many tokens before code is its title: the sentence before it stays too
# WordPiece takes a word of more than 100 characters (base64, minified code) for one unknown token, other models do not.
_LONG_WORD = re.compile(r"\S{101,}")
_LONG_WORD_CHARS = 4


@dataclass(frozen=True, slots=True)
class _Unit:
    """A section, or a part of one that was split."""

    number: int
    section: Section
    text: str
    tokens: int


def chunk_page(
    sections: Sequence[Section], *, source: str, count_tokens: Callable[[str], int], limit: int, overlap: int
) -> list[Chunk]:
    """Chunks whose context, an empty line and text have at most `limit` tokens together.

    Every section begins with its heading line. One that is too long is split between blocks, with about `overlap`
    tokens of prose in common between its parts; only blocks too long for a chunk are cut themselves. A text without
    any place to cut it may exceed the limit.
    """
    packer = _Packer(count_tokens, limit, overlap)
    for number, section in enumerate(sections):
        packer.add(number, section)
    seen: dict[str, int] = {}
    return [_chunk(group, source, count_tokens, seen) for group in packer.groups if group]


class _Packer:
    """Fills groups of units, each group a chunk."""

    def __init__(self, count_tokens: Callable[[str], int], limit: int, overlap: int) -> None:
        self._counted: dict[str, int] = {}
        self._count_tokens = count_tokens
        self._limit = limit
        self._overlap = overlap
        self.groups: list[list[_Unit]] = [[]]

    def add(self, number: int, section: Section) -> None:
        blocks = blocks_in(section.text)
        text = _joined(blocks)
        whole = _Unit(number, section, text, sum(self._count(block.text) for block in blocks))
        if not text:
            return
        if self._size([*self.groups[-1], whole]) <= self._limit:
            self.groups[-1].append(whole)
            return
        leading = self._leading(section)
        if self._size([*leading, whole]) <= self._limit:
            self.groups.append([*leading, whole])
        elif leading and self._size([whole]) <= self._limit:
            self.groups += [leading, [whole]]
        else:
            self.groups += [leading] if leading else []
            self._add_split(number, section, blocks)

    def _leading(self, section: Section) -> list[_Unit]:
        """Takes from the open group a short last section that the new one stands below: they stay together."""
        group = self.groups[-1]
        if len(group) < 2:
            return []
        path = group[-1].section.heading_path
        is_above = bool(path) and section.heading_path[: len(path)] == path and section.heading_path != path
        return [group.pop()] if is_above and self._size(group[-1:]) < self._limit // _SMALL else []

    def _add_split(self, number: int, section: Section, blocks: list[Block]) -> None:
        empty = _Unit(number, section, "", 0)
        # A context that leaves no room is no reason for chunks of a few words.
        budget = max(self._limit - self._size([empty]), self._limit // 4)
        taken = self._size([*self.groups[-1], empty])
        first_budget = self._limit - taken if self.groups[-1] and taken < self._limit // _SMALL else budget
        parts = _SectionParts(self._count, budget, self._overlap)
        texts = parts.balanced(blocks) if first_budget == budget else parts.split(blocks, first_budget, budget)
        for text in texts:
            unit = _Unit(number, section, text, self._count(text))
            group = self.groups[-1]
            fits = not any(other.number == number for other in group)
            if group and (not fits or self._size([*group, unit]) > self._limit):
                self.groups.append([])
            self.groups[-1].append(unit)

    def _size(self, group: list[_Unit]) -> int:
        """Tokens of the context and the text of a chunk made of the group."""
        context = " > ".join((group[0].section.title, *_common_path(group)))
        lines = [line for unit_lines in _heading_lines(group) for line in unit_lines]
        return sum(self._count(line) for line in [context, *lines]) + sum(unit.tokens for unit in group)

    def _count(self, text: str) -> int:
        if text not in self._counted:
            hidden = sum(len(word) // _LONG_WORD_CHARS for word in _LONG_WORD.findall(text))
            self._counted[text] = self._count_tokens(text) + hidden
        return self._counted[text]


class _SectionParts:
    """Packs the blocks of one section into parts."""

    def __init__(self, count: Callable[[str], int], budget: int, overlap: int) -> None:
        self._count = count
        self._budget = budget
        self._overlap = overlap
        self._splitter = Splitter(count, overlap)

    def balanced(self, blocks: list[Block]) -> list[str]:
        """Parts of up to the budget; where the last one would be tiny, all are made of about the same size."""
        parts = self.split(blocks, self._budget, self._budget)
        tokens = [self._count(part) for part in parts]
        if len(parts) > 1 and tokens[-1] < self._budget // _TAIL:
            fill = sum(tokens) // len(parts) + self._overlap
            even = self.split(blocks, fill, fill)
            if len(even) <= len(parts) and self._count(even[-1]) > tokens[-1]:
                return even
        return parts

    def split(self, blocks: list[Block], first_fill: int, fill: int) -> list[str]:
        """Parts of up to `fill` tokens, of more where a single block needs it; the first of up to `first_fill`."""
        parts: list[list[Block]] = [[]]
        for block in blocks:
            room = self._room(parts, first_fill, fill)
            if self._count(block.text) <= room:
                parts[-1].append(block)
            elif self._count(block.text) <= self._budget and not self._fills_up(parts[-1], block):
                self._open_part(parts, block)
            else:
                self._add_pieces(parts, block, room)
        return [_joined(part) for part in parts if part]

    def _room(self, parts: list[list[Block]], first_fill: int, fill: int) -> int:
        return (first_fill if len(parts) == 1 else fill) - self._tokens(parts[-1])

    def _fills_up(self, part: list[Block], block: Block) -> bool:
        """Whether prose is cut for a part that would be small without it, the lines above a long list for example."""
        return block.kind == "prose" and self._tokens(part) < self._budget // _SMALL

    def _open_part(self, parts: list[list[Block]], block: Block) -> None:
        """A new part that begins with the block, and before it what introduces it or the overlap."""
        room = self._budget - self._count(block.text)
        lead = self._moved(parts[-1], room) if block.kind == "code" else []
        if not lead and not block.shares_text:
            lead = self._shared(parts[-1], room, whole=block.kind == "code")
        parts.append([*lead, block])

    def _add_pieces(self, parts: list[list[Block]], block: Block, room: int) -> None:
        """The block in pieces; the first goes with what is there if that is little, or with its introduction."""
        if self._tokens(parts[-1]) > self._budget // _SMALL:
            lead = self._moved(parts[-1], self._budget // 2) if block.kind == "code" else []
            if not lead:
                lead = self._shared(parts[-1], self._budget // 2, whole=block.kind == "code")
            parts.append(lead)
            room = self._budget - self._tokens(lead)
        first, *others = self._splitter.pieces(block, max(room, self._budget // 2), self._budget)
        if self._count(first.text) <= self._budget - self._tokens(parts[-1]):
            parts[-1].append(first)
        else:
            parts.append([first])
        parts += [[other] for other in others]

    def _moved(self, part: list[Block], room: int) -> list[Block]:
        """Takes from the end of the part the blocks of one sentence that lead to the code after it."""
        moved: list[Block] = []
        while part and part[-1].kind == "prose" and len(sentences(part[-1].text)) == 1:
            room -= self._count(part[-1].text)
            if room < 0:
                break
            moved.insert(0, part.pop())
            if self._count(moved[0].text) > _LABEL_TOKENS:
                break
        return moved

    def _shared(self, part: list[Block], room: int, *, whole: bool) -> list[Block]:
        """The last sentences of the part, for the next one to begin with; `whole`: one of any length."""
        if not part or part[-1].kind != "prose":
            return []
        limit = min(self._overlap, room)
        shared = ""
        for number, sentence in enumerate(reversed(sentences(part[-1].text))):
            allowed = room if whole and number == 0 else limit
            if self._count(sentence + shared) > allowed:
                break
            shared = sentence + shared
        if not shared and limit > 0:
            shared = self._last_words(part[-1].text, limit)
        return [Block("prose", shared.strip())] if shared.strip() else []

    def _last_words(self, text: str, limit: int) -> str:
        words = text.split()
        taken: list[str] = []
        while words and self._count(" ".join([words[-1], *taken])) <= limit:
            taken.insert(0, words.pop())
        return " ".join(taken)

    def _tokens(self, part: list[Block]) -> int:
        return sum(self._count(block.text) for block in part)


def _joined(blocks: list[Block]) -> str:
    return "".join(block.gap * (number > 0) + block.text for number, block in enumerate(blocks))


def _common(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False))
    return tuple(heading for heading, _same in pairs)


def _common_path(group: list[_Unit]) -> tuple[str, ...]:
    return reduce(_common, (unit.section.heading_path for unit in group))


def _heading_lines(group: list[_Unit]) -> Iterator[list[str]]:
    """The heading lines before each unit: its own, and those above it that neither context nor chunk show yet."""
    common = _common_path(group)
    shown: tuple[str, ...] = common
    for unit in group:
        path = unit.section.heading_path
        known = len(_common(shown, path))
        first = max(0, min(known, len(path) - 1))
        yield ["#" * min(depth + 2, 6) + " " + path[depth] for depth in range(first, len(path))]
        shown = path


def _chunk(group: list[_Unit], source: str, count_tokens: Callable[[str], int], seen: dict[str, int]) -> Chunk:
    text = ""
    spans: list[Span] = []
    for unit, lines in zip(group, _heading_lines(group), strict=True):
        start = len(text)
        text += "\n\n".join([*lines, unit.text]) + "\n\n" * (unit is not group[-1])
        spans.append(Span(start, len(text), unit.section.heading_path, unit.section.url))
    first = group[0].section
    path = _common_path(group)
    identity = "\x1f".join((source, first.path, *path, text))
    ordinal = seen.get(identity, 0)
    seen[identity] = ordinal + 1
    if ordinal:
        identity += f"\x1f{ordinal}"
    context = " > ".join((first.title, *path))
    return Chunk(
        id=hashlib.sha256(identity.encode()).hexdigest()[:32],
        source=source,
        path=first.path,
        title=first.title,
        heading_path=path,
        url=first.url,
        text=text,
        spans=tuple(spans),
        tokens=count_tokens(f"{context}\n\n{text}"),
        summary=first.summary,
    )
