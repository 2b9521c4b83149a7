"""The extractive answer: the passages' own sentences that fit the question best, quoted."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.answering.grounding import denies, identifiers
from app.answering.quotes import Quote, is_signpost
from app.answering.segments import Segment
from app.index.embedding import Vector
from app.index.terms import Vocabulary, terms

_LIMIT = 3  # quotes of an extractive answer
_EMBEDDED = 8  # quotes whose embedding is asked for: the best by words (about 8 ms each)
_PASSAGE_BONUS = 0.15  # for the first passage, falling to 0 at the last: retrieval's word counts, too
_HEADING_SHARE = 0.5  # what a term in the headings counts beside one in the quote itself
_KEEP_RATIO = 0.8  # further quotes have to come this close to the best
_ANSWER_RATIO = 0.85  # an answer has to stand on one quote that comes this close, or the best are added to it
_RELEVANT_RATIO = 0.7  # and what a model says has to stand on a quote that comes this close
_WORDS_OF_A_SENTENCE = 4
_APT, _POINTER_COST = 0.1, 0.2

# 'This guide …', 'For more details …', 'It …': they speak of what stands elsewhere.
_POINTER = re.compile(
    r"\W*(?:this (?:guide|page|section|document|chapter|part)|for (?:more|further|detailed|details)|see |refer to|"
    r"here(?:'s|’s| is| are)|below|this means|as you can see|its? |they |their |these |those |to evaluate its)",
    re.IGNORECASE,
)
_ASKS_DEFINITION = re.compile(r"\s*(?:what(?:'s| is| are| does)\b|explain\b|define\b|meaning of\b)", re.IGNORECASE)
_DEFINITION = re.compile(r"\b(?:is|are|means|lets|provides|combines|describes|refers)\b", re.IGNORECASE)

_YES_OR_NO = re.compile(r"\s*(?:yes|no|not)\b", re.IGNORECASE)
_LABEL = re.compile(r"\s*\**(?:question|passages?|answer)\**\s*:", re.IGNORECASE)  # the prompt's own words
_BULLET = re.compile(r"^\s*(?:>\s*)*(?:(?:[-*+]|\d{1,3}[.)])\s+)?")
_QUOTE_MARK = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)


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
        self._question = question.lower()
        self._asked = frozenset(terms(question))
        self._vector = question_vector
        self._quotes = quotes
        self._ranks = ranks
        self._vocabulary = vocabulary
        self._embed = embed
        self._known: dict[Quote, float] = {}
        self._defines = bool(_ASKS_DEFINITION.match(question))

    @cached_property
    def ranked(self) -> list[Extract]:
        """The quotes nearest to the question, best first; empty when the passages hold no sentence."""
        prose = [quote for quote in self._quotes if self._speaks(quote)]
        by_words = sorted(prose, key=lambda quote: -self.words(quote))[:_EMBEDDED]
        return sorted((Extract(quote, self.relevance(quote)) for quote in by_words), key=lambda one: -one.relevance)

    @property
    def top(self) -> float:
        """Relevance of the nearest quote, 0 when there is none."""
        return self.ranked[0].relevance if self.ranked else 0.0

    def best(self, limit: int = _LIMIT) -> list[Extract]:
        """Up to `limit` quotes, with the code that they announce: the best passage first, each in its own order."""
        distinct = {" ".join(one.quote.text.split()): one for one in reversed(self.ranked)}  # the first of equal ones
        kept = [one for one in self.ranked if one in distinct.values() and one.relevance >= _KEEP_RATIO * self.top]
        kept = kept[:limit] or self._code_alone()
        announced = {
            code: one.relevance
            for place, one in enumerate(kept)
            if place == 0 or one.quote.text.endswith(":")
            if (code := self._code_after(one.quote)) is not None
        }
        quotes = [*kept, *(Extract(code, relevance) for code, relevance in announced.items())]
        best_of: dict[int, float] = {}
        for one in quotes:
            best_of[one.quote.passage] = max(one.relevance, best_of.get(one.quote.passage, 0.0))
        return sorted(quotes, key=lambda one: (-best_of[one.quote.passage], one.quote.passage, one.quote.start))

    def _code_alone(self) -> list[Extract]:
        """The nearest code block, for passages without a sentence."""
        code = [Extract(quote, self.relevance(quote)) for quote in self._quotes if quote.kind == "code"]
        return sorted(code, key=lambda one: -one.relevance)[:1]

    def is_relevant(self, quote: Quote) -> bool:
        """Whether the quote comes near the best one: what a model picks from another topic does not."""
        return self.relevance(quote) >= _RELEVANT_RATIO * self.top

    def is_answer(self, quote: Quote) -> bool:
        """Whether the quote is as good as the best; of code, which has few words of a question, less is asked."""
        return self.relevance(quote) >= (_RELEVANT_RATIO if quote.kind == "code" else _ANSWER_RATIO) * self.top

    def restates(self, text: str) -> bool:
        """Whether `text` asks, or says nothing that the question does not say: no word, no name, no yes or no."""
        if text.rstrip("*_ ").endswith("?") or _LABEL.match(text) or self._echoes(text):
            return True
        if any(name.lower() not in self._question for name in identifiers(text)):
            return False  # '--port' answers 'How do I choose a port?'
        return not (frozenset(terms(text)) - self._asked) and not _YES_OR_NO.match(text)

    def _echoes(self, text: str) -> bool:
        """Whether `text` has the whole question in it: 'The answer to the question "…" is …' answers none."""
        if not self._question.rstrip().endswith("?"):
            return False  # 'default port of the server' may well stand in the sentence that answers it
        words = re.findall(r"\w+", self._question)
        return len(words) >= _WORDS_OF_A_SENTENCE and " ".join(words) in " ".join(re.findall(r"\w+", text.lower()))

    def _speaks(self, quote: Quote) -> bool:
        """Whether the quote says something by itself: a few words, and not only the announcement of what follows."""
        if quote.kind == "code" or len(quote.text.split()) < _WORDS_OF_A_SENTENCE or is_signpost(quote.text):
            return False
        return not quote.text.endswith(":") or self._code_after(quote) is not None

    def words(self, quote: Quote) -> float:
        """Share of the question's terms in the quote, those only in its headings counted half; passage rank added."""
        own = self._vocabulary.coverage(self._asked, quote.terms)
        with_headings = self._vocabulary.coverage(self._asked, quote.terms | quote.context_terms)
        rank = self._ranks[quote.passage]
        bonus = _PASSAGE_BONUS * (1 - rank / max(len(self._ranks), 1))
        return own + _HEADING_SHARE * (with_headings - own) + bonus

    def relevance(self, quote: Quote) -> float:
        """Half words, half meaning: how near the quote is to the question, 0 to 1."""
        if quote not in self._known:
            cosine = float(np.dot(self._vector, self._embed(f"{quote.context}: {quote.text}")))
            relevance = 0.5 * self.words(quote) + 0.5 * cosine + self._aptness(quote)
            self._known[quote] = min(max(relevance, 0.0), 1.0)
        return self._known[quote]

    def _aptness(self, quote: Quote) -> float:
        """What the form of a quote adds to its relevance: definitions answer 'what is', pointers answer nothing."""
        if _POINTER.match(quote.text):
            return -_POINTER_COST
        subject = terms(quote.text)[:2]
        names_it = bool(subject) and subject[0] in self._asked
        if quote.kind == "row":
            return _APT if names_it else 0.0
        return _APT if self._defines and names_it and _DEFINITION.search(quote.text) else 0.0

    def _code_after(self, quote: Quote) -> Quote | None:
        """The code block that follows the quote in its section with at most one sentence between."""
        section = quote.chunk.span_at(quote.start)
        following = [
            one for one in self._quotes if one.passage == quote.passage and quote.end <= one.start < section.end
        ][:2]
        return next((one for one in following if one.kind == "code"), None)


def shown(quote: Quote) -> Segment:
    """A quote as a part of an answer: marks of lists and block quotes off, a table row as a list item."""
    if quote.kind == "code":
        return Segment("code", textwrap.dedent(quote.chunk.text[_line_start(quote) : quote.end]), (), True)
    if quote.kind == "row":
        cells = (cell.strip() for cell in quote.text.strip("|").split("|"))
        return Segment("item", "- " + ": ".join(cell for cell in cells if cell), (), False)
    if quote.kind == "item":
        return Segment("item", "- " + _under_its_heading(quote) + _BULLET.sub("", quote.text), (), False)
    return Segment("sentence", _QUOTE_MARK.sub("", quote.text), (), True)


def _under_its_heading(quote: Quote) -> str:
    """The heading of a list whose items say the opposite, or nothing, without it: 'What does it not do?'."""
    heading = quote.heading_path[-1] if quote.heading_path else ""
    return f"*{heading}* " if heading.endswith("?") or denies(heading) else ""


def _line_start(quote: Quote) -> int:
    return quote.chunk.text.rfind("\n", 0, quote.start) + 1
