"""The grounding check: whether a quote of the docs says what a generated sentence says.

It has to hold with a 135M model, which copies and garbles, and with a large one, which paraphrases. So a sentence is
supported when its words stand in one quote and that quote's headings (weighted by IDF), or when most of them do and
the embeddings of both are close; and never when it brings a number, an identifier, a negation or a clause that the
quote has not. Code is supported only to the letter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.answering.injection import speaks_to_a_model
from app.answering.quotes import Quote
from app.answering.segments import Segment
from app.index.embedding import Vector
from app.index.terms import Vocabulary, terms

# A quote has to carry this share of the sentence itself: headings alone support nothing.
_OWN_SHARE = 0.34
# Cosines of MiniLM between a sentence and a faithful paraphrase lie at 0.6 and up, between two sentences of the same
# page at 0.2 to 0.5.
_COSINE_FLOOR, _COSINE_CEILING = 0.35, 0.85
# Words alone decide above this; the embeddings of the three best quotes are asked below it (about 8 ms each).
_WORDS_SUFFICE = 0.8
_ASKED_QUOTES = 3
# In a row. Of 32 true sentences of the tests none has more than 1, of those with a clause made up all have 3.
_ADDED_TERMS = 3
_CLAUSE_END = re.compile(r"[,;:.!?—–]\s|\b(?:and|but|while|which|because|so)\b", re.IGNORECASE)

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_CODE_SPAN = re.compile(r"`+([^`\n]+)`+")
# What is code wherever it stands: paths, URLs, flags, snake_case, camelCase, file names.
_IDENTIFIER = re.compile(
    r"https?://\S+|(?<![\w-])--?[A-Za-z][\w-]*|(?<!\w)/[\w./-]+|\b\w+(?:_\w+)+\b|\b[a-z]+[A-Z]\w*\b|\b[\w-]+\.[a-z]{2,4}\b"
)
# Names: OpenAI and GPU anywhere, other capitals within a sentence.
_NAME = re.compile(r"\b[A-Z]{2,}s?\b|\b[A-Z][a-z]+[A-Z]\w*|(?<=[a-z,;] )[A-Z][a-z]+\w*")
_IDENTITY = re.compile(r"\W*(?:the |a |an )?\S+(?: \S+)? (?:is|are) (?:a|an|the)\b", re.IGNORECASE)  # 'X is a …'
_ORDERED_TERMS = 3  # fewer common terms have no order to speak of
_COMMON_IDF = math.log1p(5)  # of a term that stands in every fifth chunk
_MARKS = re.compile(r"[`*]+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|without|cannot|neither|nor|none|nothing|isn't|aren't|doesn't|don't|didn't|won't|can't|couldn't|"
    r"shouldn't|wasn't|weren't|unable|unsupported|fails?|lacks?)\b",
    re.IGNORECASE,
)
# Stems, and words that are no terms ("on", "before").
_OPPOSITES = [
    ("enabl", "disabl"), ("increas", "decreas"), ("before", "after"), ("minimum", "maximum"), ("start", "stop"),
    ("load", "unload"), ("instal", "uninstal"), ("allow", "forbid"), ("allow", "refus"), ("accept", "refus"),
    ("accept", "reject"), ("add", "remov"), ("more", "less"), ("on", "off"), ("true", "fals"), ("requir", "option"),
    ("faster", "slower"), ("large", "small"), ("onlin", "offlin"), ("above", "below"), ("open", "close"),
    ("lock", "unlock"), ("connect", "disconnect"), ("encrypt", "decrypt"), ("includ", "exclud"),
    ("upgrad", "downgrad"), ("automat", "manual"), ("oldest", "newest"), ("first", "last"),
]  # fmt: skip
_OPPOSED = frozenset(frozenset(pair) for pair in _OPPOSITES)
_OPPOSITE_WORDS = frozenset().union(*_OPPOSED)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Support:
    """quote: the one that fits best, None when there is none. score: 0 to 1. problem: why it was refused, else ''."""

    quote: Quote | None
    score: float
    problem: str = ""


class GroundingCheck:
    """Checks the segments of one answer against the quotes of its passages."""

    def __init__(
        self, quotes: Sequence[Quote], vocabulary: Vocabulary, embed: Callable[[str], Vector], threshold: float
    ) -> None:
        self._quotes = [quote for quote in quotes if quote.kind != "code"]
        self._code = [quote for quote in quotes if quote.kind == "code"]
        self._vocabulary = vocabulary
        self._embed = embed
        self._threshold = threshold
        self._vectors: dict[str, Vector] = {}

    def support(self, segment: Segment) -> Support:
        """The best support for `segment`; `problem` is empty when it reaches the threshold."""
        if segment.kind == "code":
            return self._code_support(segment.text)
        if speaks_to_a_model(segment.text):
            return Support(None, 0.0, "it speaks to a model")
        if segment.kind == "table":
            return self._table_support(segment)
        claim = frozenset(terms(segment.text))
        if not claim:
            return Support(None, 0.0, "it says nothing")
        ranked = sorted(
            ((self._words(claim, quote, segment), quote) for quote in self._quotes), key=lambda pair: -pair[0]
        )
        best = Support(None, 0.0, "no quote is near")
        for words, quote in ranked[:_ASKED_QUOTES]:
            found = self._judge(segment.text, words, quote)
            if (not found.problem and (best.problem or found.score > best.score)) or (
                best.quote is None and found.score >= best.score
            ):
                best = found
            if not best.problem and words >= _WORDS_SUFFICE:
                break
        return best

    def _words(self, claim: frozenset[str], quote: Quote, segment: Segment) -> float:
        """IDF-weighted share of the sentence's terms in the quote and its headings; a cited passage breaks ties."""
        own = self._vocabulary.coverage(claim, quote.terms)
        if own < _OWN_SHARE:
            return own
        whole = self._vocabulary.coverage(claim, quote.terms | quote.context_terms)
        return whole + (0.01 if quote.passage in segment.cited else 0.0)

    def _judge(self, text: str, words: float, quote: Quote) -> Support:
        problem = (
            contradiction(text, quote)
            or addition(text, quote)
            or self._foreign_name(text, quote)
            or disorder(text, quote)
        )
        if problem:
            return Support(quote, min(words, 1.0), problem)
        score = min(words, 1.0)
        if words < _WORDS_SUFFICE:
            score = self._blend(words, self._cosine(text, quote.text))
        return Support(quote, score, "" if score >= self._threshold else "its quote does not say it")

    def _foreign_name(self, text: str, quote: Quote) -> str:
        """A name in `text` that its quote and headings have not; the product's own, all over the docs, is free."""
        known = quote.terms | quote.context_terms
        for name in _NAME.findall(text):
            if any(term not in known and self._vocabulary.idf(term) > _COMMON_IDF for term in terms(name)):
                return f"{name} is not in its quote"
        return ""

    @staticmethod
    def _blend(words: float, cosine: float) -> float:
        """Half words, half meaning; a sentence with next to no word in common is never lifted over the threshold."""
        if words < _OWN_SHARE:
            return words
        meaning = (cosine - _COSINE_FLOOR) / (_COSINE_CEILING - _COSINE_FLOOR)
        return 0.5 * words + 0.5 * min(max(meaning, 0.0), 1.0)

    def _cosine(self, one: str, other: str) -> float:
        return float(np.dot(self._vector(one), self._vector(other)))

    def _vector(self, text: str) -> Vector:
        if text not in self._vectors:
            self._vectors[text] = self._embed(text)
        return self._vectors[text]

    def _table_support(self, segment: Segment) -> Support:
        """Every row has to be supported, and the columns named as in the docs; the weakest row speaks for the table."""
        header, *below = segment.text.splitlines()
        has_header = bool(below) and not re.search(r"\w", below[0])
        rows = [row for row in (below if has_header else [header, *below]) if re.search(r"\w", row)]
        found = [self.support(replace(segment, kind="item", text=row.strip("| "))) for row in rows]
        nothing = Support(None, 0.0, "it says nothing")
        weakest = min(found, key=lambda one: (not one.problem, one.score), default=nothing)
        known = set(terms(weakest.quote.chunk.text)) if weakest.quote else set()
        if has_header and not weakest.problem and not known.issuperset(terms(header)):
            return replace(weakest, problem="its columns are not those of the docs")
        return weakest

    def _code_support(self, block: str) -> Support:
        wanted = code_lines(block)
        if not wanted:
            return Support(None, 0.0, "it says nothing")
        for quote in self._code:
            if set(wanted) <= set(code_lines(quote.text)):
                return Support(quote, 1.0)
        return Support(None, 0.0, "this code does not stand in the docs")


def code_lines(block: str) -> list[str]:
    """The lines of a fenced block without fence, blank lines and runs of blanks."""
    lines = block.strip().splitlines()
    if lines and re.match(r"\s*(```|~~~)", lines[0]):
        lines = lines[1:]
    if lines and re.match(r"\s*(```+|~~~+)\s*$", lines[-1]):
        lines = lines[:-1]
    return [" ".join(line.split()) for line in lines if line.strip()]


def contradiction(text: str, quote: Quote) -> str:
    """What in `text` its quote does not bear out: a number, identifier, negation or opposite; '' if nothing."""
    given = f"{quote.context} {quote.text}"
    numbers = set(_NUMBER.findall(given))
    missing = next((number for number in _NUMBER.findall(unnumbered(text)) if number not in numbers), None)
    if missing is not None:
        return f"the number {missing} is not in its quote"
    plain = _MARKS.sub("", given)
    missing = next((name for name in identifiers(text) if not _holds(plain, name)), None)
    if missing is not None:
        return f"{missing} is not in its quote"
    if denies(text) != negated(quote):
        return "one is negated, the other is not"
    mine, theirs = _opposable(text), _opposable(quote.text)
    for term in sorted(mine - theirs):
        if any(frozenset((term, other)) in _OPPOSED for other in theirs - mine):
            return f"it says '{term}', its quote the opposite"
    return ""


def denies(text: str) -> bool:
    """Whether a negation stands in `text`."""
    return bool(_NEGATION.search(text))


def negated(quote: Quote) -> bool:
    """Whether the quote denies something; an item does so by its heading, as under 'What it does not do'."""
    heading = quote.heading_path[-1] if quote.heading_path and quote.kind in {"item", "row"} else ""
    return denies(quote.text) != denies(heading)


def disorder(text: str, quote: Quote) -> str:
    """Why `text` says what a thing is though its quote says it of another, '' if it does not.

    All words of 'documentation is a service that answers questions' stand in 'a service that answers questions from
    documentation'. So the subject of such a sentence has to come before the rest of it in the quote, too.
    """
    if not _IDENTITY.match(text):
        return ""
    theirs = [*terms(quote.context), *terms(quote.text)]
    said = terms(text)
    mine = [term for term in said if term in set(theirs)]
    if (
        len(mine) >= _ORDERED_TERMS
        and said[0] == mine[0]
        and _common_run(mine, theirs) == _common_run(mine[1:], theirs)
    ):
        return f"its quote does not say it of '{said[0]}'"
    return ""


def _common_run(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for term in one:
        diagonal = 0
        for place, theirs in enumerate(other, start=1):
            diagonal, row[place] = row[place], diagonal + 1 if term == theirs else max(row[place], row[place - 1])
    return row[-1]


def addition(text: str, quote: Quote) -> str:
    """What `text` adds to its quote, '' if nothing: a clause, or several terms in a row, that neither the quote nor its
    headings have. A paraphrase changes a word here and there; what was made up comes in one piece.
    """
    for clause in _CLAUSE_END.split(unnumbered(text)):
        added: list[str] = []
        said = terms(clause)
        for term in said:
            added = [] if term in quote.terms or term in quote.context_terms else [*added, term]
            if len(added) == _ADDED_TERMS or (len(added) == len(said) > 1):
                return f"its quote says nothing of '{' '.join(added)}'"
    return ""


def _opposable(text: str) -> frozenset[str]:
    """The words of `text` that may have an opposite."""
    return _OPPOSITE_WORDS.intersection([*terms(text), *_WORD.findall(text.lower())])


def _holds(given: str, name: str) -> bool:
    """Whether `name` stands in `given` by itself, blanks and case aside: '--por' does not stand in '--port'."""
    letters = r"\s*".join(re.escape(letter) for letter in "".join(_MARKS.sub("", name).split()).rstrip("/"))
    return bool(re.search(rf"(?<![\w-]){letters}(?![\w-]|[/.]\w)", given, re.IGNORECASE))


def identifiers(text: str) -> list[str]:
    """Code spans and what else looks like code: paths, URLs, flags, snake_case and camelCase names."""
    spans = [span.strip() for span in _CODE_SPAN.findall(text)]
    rest = _CODE_SPAN.sub(" ", text)
    return [*spans, *(name.rstrip(".,;:)'\"") for name in _IDENTIFIER.findall(rest))]


def unnumbered(text: str) -> str:
    """`text` without the number of a list item: the model's count is no claim."""
    return re.sub(r"^\s*\d{1,3}[.)]\s+", "", text)


def mean(values: Iterable[float]) -> float:
    given = list(values)
    return sum(given) / len(given) if given else 0.0
