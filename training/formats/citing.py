"""Answers in the service's citation format, as far as its own grounding check lets them pass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from app.answering.composition import Composition
from app.answering.extract import shown
from app.answering.grounding import GroundingCheck
from app.answering.quotes import Quote, quotes_of
from app.answering.segments import Segment, Segmenter
from app.config import Settings
from app.index.embedding import Vector
from app.index.section import Chunk
from app.index.terms import Vocabulary
from training.corpus import Corpus

_LAST_MARKER = re.compile(r"\[\d+\]$")
_QUOTES = 3  # of an answer that is nothing else, as in the service's


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, list item, table or code block, with the quote that it stands on."""

    segment: Segment
    quote: Quote
    score: float


@dataclass(frozen=True, slots=True)
class Cited:
    """claims: what stands, in order. said: how many there were, those that do not stand among them.

    opens: whether the first of what was said stands; what follows may speak of it as 'this'. is_quoted: the claims are
    quotes themselves.
    """

    claims: tuple[Claim, ...]
    said: int
    opens: bool
    is_quoted: bool = False

    @property
    def supported(self) -> float:
        """Share of what was said that stands, 0 for nothing."""
        return len(self.claims) / self.said if self.said else 0.0

    @property
    def chunks(self) -> list[str]:
        """Ids of the chunks it stands on, in the order of claims."""
        return list(dict.fromkeys(claim.quote.chunk.id for claim in self.claims))

    def text(self, numbers: Mapping[str, int]) -> str:
        """As the service shows it, but with the passages' own numbers. numbers: of a passage, by its chunk's id."""
        composition = Composition()
        parts = []
        for claim in self.claims:
            shown_before = len(composition.text)
            composition.add(claim.segment, claim.quote, claim.score)
            delta = composition.text[shown_before:]
            parts.append(_LAST_MARKER.sub(f"[{numbers[claim.quote.chunk.id]}]", delta))
        return "".join(parts)


class Grounds:
    """The service's grounding check over any passages of a corpus, with its threshold (DOCENT_ANSWERING__…)."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, threshold: float) -> None:
        self._vocabulary = vocabulary
        self._threshold = threshold
        self._embed = lru_cache(maxsize=50_000)(corpus.library.searcher.embedder.embed_query)

    @classmethod
    async def of(cls, corpus: Corpus) -> Self:
        revision = await corpus.library.current()
        return cls(corpus, revision.vocabulary, Settings().answering.support_threshold)

    def cite(self, answer: str, passages: Sequence[Chunk]) -> Cited:
        """What of `answer` stands on one of the passages. Its own markers, if any, name them by their numbers from 1.

        A sentence that announces what follows is kept only with it, as the service does.
        """
        check = self._check(passages)
        claims: list[Claim] = []
        held: Claim | None = None
        segments = segments_of(answer)
        for segment in segments:
            support = check.support(segment)
            if support.problem or support.quote is None:
                continue
            claim = Claim(segment, support.quote, support.score)
            if segment.kind in {"sentence", "item"} and segment.text.rstrip("*_ ").endswith(":"):
                held = claim
                continue
            claims += [claim] if held is None else [held, claim]
            held = None
        opens = bool(claims) and claims[0].segment is segments[0]
        return Cited(tuple(claims), len(segments), opens)

    def quoted(self, quotes: Sequence[str], passages: Sequence[Chunk]) -> Cited:
        """The first of the verbatim `quotes` themselves, as the service shows quotes where a model has nothing to say.

        What of them is no sentence, list item, table row or code block of the passages is left out.
        """
        wanted = [" ".join(quote.split()) for quote in quotes]
        found = [one for number, chunk in enumerate(passages, start=1) for one in quotes_of(chunk, number)]
        held = [one for one in found if any(_overlap(" ".join(one.text.split()), quote) for quote in wanted)]
        claims = tuple(Claim(shown(one), one, 1.0) for one in held[:_QUOTES])
        return Cited(claims, len(claims), bool(claims), is_quoted=True)

    def holds(self, chunk: Chunk, cited: Cited, quotes: Sequence[str] = ()) -> bool:
        """Whether `chunk` holds any of the quotes, or says what one of the claims says: then it is no distractor."""
        if any(quote in chunk.text for quote in quotes):
            return True
        check = self._check([chunk])
        return any(not check.support(claim.segment).problem for claim in cited.claims)

    def _check(self, passages: Sequence[Chunk]) -> GroundingCheck:
        quotes = [quote for number, chunk in enumerate(passages, start=1) for quote in quotes_of(chunk, number)]
        return GroundingCheck(quotes, self._vocabulary, self._vector, self._threshold)

    def _vector(self, text: str) -> Vector:
        return self._embed(text)


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


def segments_of(answer: str) -> list[Segment]:
    """The pieces of a whole answer that are checked one by one. Headings and an open code block are none."""
    segmenter = Segmenter()
    return [*segmenter.feed(answer), *segmenter.finish()]
