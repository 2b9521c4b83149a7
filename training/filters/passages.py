"""The passages that may bear out an answer, and which of them does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.answering.grounding import code_lines
from app.answering.quotes import Quote, quotes_of
from app.answering.segments import Segment, Segmenter
from app.index.section import Chunk
from app.index.terms import Vocabulary, terms
from training.corpus import Corpus
from training.filters.wording import FRAMING
from training.pair import Pair

# A quote has to carry this share of a sentence's terms (by IDF), headings aside, to be given as what it stands on.
_QUOTE_SHARE = 0.34
# Docs say a thing in several places: chunks that carry an answer all but this much as well support it, too.
_AS_WELL = 0.05
_LINK = re.compile(r"\[([^\[\]]*)\]\([^)\s]*\)|https?://[^\s)'\"`]+")


@dataclass(frozen=True)
class Passage:
    """A chunk with its words."""

    chunk: Chunk

    @cached_property
    def quotes(self) -> list[Quote]:
        return quotes_of(self.chunk, 1)

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset(terms(f"{self.chunk.context} {self.chunk.text}"))

    @cached_property
    def prose_terms(self) -> frozenset[str]:
        """Of its headings and of all but its code: what is explained, not just used."""
        prose = " ".join(quote.text for quote in self.quotes if quote.kind != "code")
        return frozenset(terms(f"{self.chunk.context} {prose}"))


@dataclass(frozen=True, slots=True)
class Found:
    """What retrieval gave for a pair.

    passages: that may support the answer; those that the pair names, or else those found for it.
    ranks: of chunks found by the question alone, from 1.
    """

    passages: Sequence[Passage]
    ranks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Support:
    """passages: what carries the answer, the best first. terms: theirs, or those of the pair's own quotes.

    rank: the best that one of the passages has for the question, None where it is not found.
    """

    passages: Sequence[Passage]
    terms: frozenset[str]
    rank: int | None

    @property
    def chunk_ids(self) -> tuple[str, ...]:
        return tuple(one.chunk.id for one in self.passages)


class Shelf:
    """Passages of a corpus, each made ready once."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, depth: int) -> None:
        self.vocabulary = vocabulary
        self._corpus = corpus
        self._depth = depth
        self._passages = {chunk.id: Passage(chunk) for chunk in corpus.chunks}

    async def find(self, pair: Pair) -> Found:
        """Two searches, as the service does them: by the question, and for a foreign pair by question and answer."""
        asked = await self._corpus.search(pair.question, self._depth)
        ranks = {one.chunk.id: rank for rank, one in enumerate(asked, start=1)}
        named = [self._passages[one] for one in pair.chunks if one in self._passages]
        if named:
            return Found(named, ranks)
        told = await self._corpus.search(f"{pair.question} {pair.answer}", self._depth)
        ids = dict.fromkeys(one.chunk.id for one in (*asked, *told))
        return Found([self._passages[one] for one in ids if one in self._passages], ranks)

    def support(self, pair: Pair, found: Found) -> Support | None:
        """Named chunks support an answer together; of others the one that carries most of it. None without any."""
        if not found.passages:
            return None
        if pair.chunks:
            ranks = [found.ranks[one.chunk.id] for one in found.passages if one.chunk.id in found.ranks]
            return Support(found.passages, self._told(pair, found.passages), min(ranks, default=None))
        claim = {term for sentence in claims(pair.answer) for term in sentence}
        shares = [self.vocabulary.coverage(claim, one.terms) for one in found.passages]
        best = max(shares)
        as_well = [one for one, share in zip(found.passages, shares, strict=True) if share >= best - _AS_WELL]
        as_well.sort(key=lambda one: found.ranks.get(one.chunk.id, len(self._passages)))
        return Support(as_well[:1], as_well[0].terms, found.ranks.get(as_well[0].chunk.id))

    def _told(self, pair: Pair, passages: Sequence[Passage]) -> frozenset[str]:
        """The terms of the pair's quotes and of the headings over them; without quotes those of its chunks."""
        if not pair.quotes:
            return frozenset().union(*(one.terms for one in passages))
        headings = (one.chunk.context for one in passages)
        return frozenset(terms(" ".join((*headings, *pair.quotes))))

    def quotes(self, pair: Pair, support: Support) -> list[Quote]:
        """The pieces of the supporting chunks that the answer's sentences stand on, in the order of the answer."""
        pieces = [quote for one in support.passages for quote in one.quotes]
        chosen = (self._quote(segment, pieces) for segment in segments(pair.answer))
        return list({(one.chunk.id, one.start): one for one in chosen if one is not None}.values())

    def _quote(self, segment: Segment, pieces: Sequence[Quote]) -> Quote | None:
        if segment.kind == "code":
            wanted = set(code_lines(segment.text))
            return next((one for one in pieces if one.kind == "code" and wanted <= set(code_lines(one.text))), None)
        claim = content(segment.text)
        if not claim:
            return None
        shares = [self.vocabulary.coverage(claim, one.terms) for one in pieces]
        best = max(range(len(pieces)), key=lambda place: shares[place], default=None)
        return pieces[best] if best is not None and shares[best] >= _QUOTE_SHARE else None


def segments(answer: str) -> list[Segment]:
    segmenter = Segmenter()
    return [*segmenter.feed(answer), *segmenter.finish()]


def claims(answer: str) -> list[frozenset[str]]:
    """The terms of each sentence, without those that only frame it; code is left out where there is prose."""
    pieces = segments(answer)
    prose = [one.text for one in pieces if one.kind != "code"] or [one.text for one in pieces]
    return [claim for claim in map(content, prose) if claim]


def content(text: str) -> frozenset[str]:
    """Stemmed words that claim something. Addresses are left out: the filter of commands looks at them."""
    return frozenset(terms(_LINK.sub(lambda link: link[1] or " ", text))) - FRAMING
