"""The extractive answer: the passages' own sentences that fit the question best, quoted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.answering.quotes import Quote
from app.index.embedding import Vector
from app.index.terms import Vocabulary, terms

_LIMIT = 3  # quotes of an extractive answer
_EMBEDDED = 8  # quotes whose embedding is asked for: the best by words (about 8 ms each)
_PASSAGE_BONUS = 0.15  # for the first passage, falling to 0 at the last: retrieval's word counts, too
_HEADING_SHARE = 0.5  # what a term in the headings counts beside one in the quote itself
_KEEP_RATIO = 0.75  # further quotes have to come this close to the best
_MINIMUM = 0.25


@dataclass(frozen=True, slots=True)
class Extract:
    """A quote with its relevance to the question, 0 to 1."""

    quote: Quote
    relevance: float


class Extractor:
    """Ranks the quotes of one question's passages."""

    def __init__(
        self,
        question: str,
        question_vector: Vector,
        quotes: Sequence[Quote],
        ranks: dict[int, int],
        vocabulary: Vocabulary,
        embed: Callable[[str], Vector],
    ) -> None:
        """ranks: place in the retrieval's order (from 0) of each passage number."""
        self._asked = frozenset(terms(question))
        self._vector = question_vector
        self._quotes = quotes
        self._ranks = ranks
        self._vocabulary = vocabulary
        self._embed = embed

    def best(self, limit: int = _LIMIT) -> list[Extract]:
        """Up to `limit` quotes, in the order of the documents, with the code that the first one introduces."""
        prose = [quote for quote in self._quotes if quote.kind != "code"]
        by_words = sorted(prose, key=lambda quote: -self.words(quote))[:_EMBEDDED]
        scored = sorted((Extract(quote, self._relevance(quote)) for quote in by_words), key=lambda one: -one.relevance)
        scored = scored or [Extract(quote, _MINIMUM) for quote in self._quotes[:1]]
        top = scored[0].relevance
        kept = [one for one in scored[:limit] if one.relevance >= max(_MINIMUM, _KEEP_RATIO * top)] or scored[:1]
        code = self._code_after(kept[0].quote)
        if code is not None:
            kept = [*kept, Extract(code, kept[0].relevance)]
        return sorted(kept, key=lambda one: (self._ranks[one.quote.passage], one.quote.start))

    def words(self, quote: Quote) -> float:
        """Share of the question's terms in the quote, those only in its headings counted half; passage rank added."""
        own = self._vocabulary.coverage(self._asked, quote.terms)
        with_headings = self._vocabulary.coverage(self._asked, quote.terms | quote.context_terms)
        rank = self._ranks[quote.passage]
        bonus = _PASSAGE_BONUS * (1 - rank / max(len(self._ranks), 1))
        return own + _HEADING_SHARE * (with_headings - own) + bonus

    def _relevance(self, quote: Quote) -> float:
        cosine = float(np.dot(self._vector, self._embed(f"{quote.context}: {quote.text}")))
        return min(max(0.5 * self.words(quote) + 0.5 * cosine, 0.0), 1.0)

    def _code_after(self, quote: Quote) -> Quote | None:
        """The code block that follows the quote in its section with at most one sentence between."""
        section = quote.chunk.span_at(quote.start)
        following = [
            one for one in self._quotes if one.passage == quote.passage and quote.end <= one.start < section.end
        ][:2]
        return next((one for one in following if one.kind == "code"), None)
