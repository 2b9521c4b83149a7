"""The quotable pieces of a passage: sentences, list items, table rows and code blocks, each by its offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.answering.injection import speaks_to_a_model
from app.answering.segments import sentences
from app.index.section import Chunk
from app.index.terms import terms

QuoteKind = Literal["sentence", "item", "row", "code"]


@dataclass(frozen=True)
class Quote:
    """`chunk.text[start:end]`, verbatim. passage: the number of its passage in the prompt, from 1."""

    chunk: Chunk
    passage: int
    kind: QuoteKind
    start: int
    end: int

    @cached_property
    def text(self) -> str:
        return self.chunk.text[self.start : self.end]

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset(terms(self.text))

    @cached_property
    def context(self) -> str:
        """Title and headings over the quote: what a sentence like 'It is on by default.' speaks of."""
        return " ".join((self.chunk.title, *self.chunk.span_at(self.start).heading_path))

    @cached_property
    def context_terms(self) -> frozenset[str]:
        return frozenset(terms(self.context))

    @property
    def url(self) -> str:
        return self.chunk.url_at(self.start)

    @property
    def heading_path(self) -> tuple[str, ...]:
        return self.chunk.span_at(self.start).heading_path


_FENCE = re.compile(r"^[ \t]*(```+|~~~+)")
_HEADING = re.compile(r"^#{1,6}\s")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+")
_RULER = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")


def quotes_of(chunk: Chunk, passage: int) -> list[Quote]:
    """Every quotable piece of `chunk` in order. Headings and lines that speak to a model are none."""
    found: list[Quote] = []
    position, paragraph_start, fence_start, fence = 0, None, 0, ""
    for line in chunk.text.splitlines(keepends=True):
        start, position = position, position + len(line)
        mark = _FENCE.match(line)
        if fence:
            if mark and line.strip() == mark[1] and mark[1].startswith(fence):
                found.append(Quote(chunk, passage, "code", fence_start, start + len(line.rstrip())))
                fence = ""
            continue
        plain = not (mark or _HEADING.match(line) or _ITEM.match(line) or line.lstrip()[:1] == "|" or not line.strip())
        if plain:
            paragraph_start = start if paragraph_start is None else paragraph_start
            continue
        if paragraph_start is not None:
            found.extend(_sentence_quotes(chunk, passage, paragraph_start, start))
            paragraph_start = None
        if mark:
            fence, fence_start = mark[1], start
        elif _ITEM.match(line):
            found.append(_trimmed(chunk, passage, "item", start, position))
        elif line.lstrip().startswith("|") and not _RULER.match(line):
            found.append(_trimmed(chunk, passage, "row", start, position))
    if paragraph_start is not None and not fence:
        found.extend(_sentence_quotes(chunk, passage, paragraph_start, len(chunk.text)))
    return [quote for quote in found if re.search(r"\w", quote.text) and not _forbidden(quote)]


def _forbidden(quote: Quote) -> bool:
    return quote.kind != "code" and speaks_to_a_model(quote.text)


def _trimmed(chunk: Chunk, passage: int, kind: QuoteKind, start: int, end: int) -> Quote:
    piece = chunk.text[start:end]
    return Quote(chunk, passage, kind, start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()))


def _sentence_quotes(chunk: Chunk, passage: int, start: int, end: int) -> list[Quote]:
    return [
        _trimmed(chunk, passage, "sentence", start + begin, start + stop)
        for begin, stop in sentences(chunk.text[start:end])
    ]
