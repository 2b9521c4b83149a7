"""The quotable pieces of a passage: sentences, list items, table rows and code blocks, each by its offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.answering.injection import code_speaks_to_a_model, speaks_to_a_model
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
        """Of what is read: the target of a link to another page is not."""
        return frozenset(terms(_PAGE_LINK.sub(r"\1", self.text)))

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
_CODE_SPAN = re.compile(r"`[^`]*`")
_BARE_PIPES = 2  # a table may go without the pipes around it; one pipe alone stands in prose, too
_PAGE_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?![a-z][a-z0-9+.-]*:|//)[^()\s]+\)", re.IGNORECASE)
_SIGNPOST_SHARE = 0.33  # of the words: '- Find out why an answer is wrong: [Debug a wrong answer](debug.md)' has 0.36
_RULER = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")


def is_signpost(text: str) -> bool:
    """Whether `text` mostly names other pages of the same docs, which says nothing to who reads it elsewhere."""
    labels = " ".join(_PAGE_LINK.findall(text))
    words = len(re.findall(r"\w+", _PAGE_LINK.sub(r"\1", text)))
    return len(re.findall(r"\w+", labels)) > _SIGNPOST_SHARE * words


def quotes_of(chunk: Chunk, passage: int) -> list[Quote]:
    """Every quotable piece of `chunk` in order. Headings and lines that speak to a model are none."""
    found: list[Quote] = []
    for kind, start, end in _blocks(chunk.text):
        if kind == "paragraph":
            found.extend(_sentence_quotes(chunk, passage, start, end))
        elif kind != "row" or not _is_header(chunk.text, end):
            found.append(_trimmed(chunk, passage, kind, start, end))
    return [quote for quote in found if re.search(r"\w", quote.text) and not _forbidden(quote)]


_Block = Literal["paragraph", "item", "row", "code"]


def _blocks(text: str) -> Iterator[tuple[_Block, int, int]]:
    """Kind, start and end of the blocks of `text`. A list item goes on to the next line that begins something else."""
    position, fence = 0, ""
    running: tuple[_Block, int] | None = None
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        if fence:
            if _closes(line, fence) and running is not None:
                yield *running, position
                fence, running = "", None
            continue
        begun = _begun_by(line)
        if begun == "paragraph" and running is not None:
            continue
        if running is not None:
            yield *running, start
        running = None if begun is None else (begun, start)
        if begun == "code" and (mark := _FENCE.match(line)):
            fence = mark[1]
        elif begun == "row":
            yield "row", start, position
            running = None
    if running is not None and not fence:
        yield *running, len(text)


def _begun_by(line: str) -> _Block | None:
    """What `line` begins when nothing runs; None for headings, blank lines and the rulers of tables."""
    if _FENCE.match(line):
        return "code"
    if not line.strip() or _HEADING.match(line):
        return None
    if _ITEM.match(line):
        return "item"
    if line.lstrip().startswith("|") or _CODE_SPAN.sub("", line).count("|") >= _BARE_PIPES:
        return None if _RULER.match(line) else "row"
    return "paragraph"


def _is_header(text: str, end: int) -> bool:
    """Whether the table row that ends at `end` has the ruler below it: column names answer nothing."""
    below = text[end:].lstrip("\n").partition("\n")[0]
    return bool(below) and bool(_RULER.match(below))


def _closes(line: str, fence: str) -> bool:
    mark = _FENCE.match(line)
    return bool(mark and line.strip() == mark[1] and mark[1].startswith(fence))


def _forbidden(quote: Quote) -> bool:
    return code_speaks_to_a_model(quote.text) if quote.kind == "code" else speaks_to_a_model(quote.text)


def _trimmed(chunk: Chunk, passage: int, kind: QuoteKind, start: int, end: int) -> Quote:
    piece = chunk.text[start:end]
    return Quote(chunk, passage, kind, start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()))


def _sentence_quotes(chunk: Chunk, passage: int, start: int, end: int) -> list[Quote]:
    return [
        _trimmed(chunk, passage, "sentence", start + begin, start + stop)
        for begin, stop in sentences(chunk.text[start:end])
    ]
