"""Does what was retrieved hold an answer at all? Decides on abstention before a word is generated.

A logistic model over four features of the retrieval. Its weights are printed by `python -m bench.fit_evidence`, which
fits them on every other labelled question; `make bench` says how it does on the rest.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from app.index.search import Candidate, SearchResult
from app.index.terms import terms

# Cosines between a question and the passages of a corpus: of an unrelated one (0) and of a good match (1), by model.
# MiniLM's are measured (quantiles .1 and .9 of the labelled sets); the others follow the spread that their cards tell.
_COSINE_RANGES = {
    "sentence-transformers/all-MiniLM-L6-v2": (0.15, 0.75),
    "BAAI/bge-": (0.45, 0.85),
    "intfloat/": (0.70, 0.90),
}
_DEFAULT_RANGE = (0.20, 0.80)
_TOP = 5  # chunks whose words may cover the question
_AGREED = 3  # first places of both rankings that are compared


@dataclass(frozen=True, slots=True)
class Features:
    """What speaks for an answer in the index, each 0 to 1.

    closeness: best cosine, on the model's own scale.
    coverage: share of the question's terms (by IDF) in the best covering one of the first chunks.
    reach: the same for the first chunks together.
    agreement: share of the first places that the dense and the BM25 ranking have in common.
    """

    closeness: float
    coverage: float
    reach: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the logistic model, by feature."""

    intercept: float
    closeness: float
    coverage: float
    reach: float
    agreement: float


WEIGHTS = Weights(intercept=-4.51, closeness=3.63, coverage=3.12, reach=3.13, agreement=1.95)


@dataclass(frozen=True, slots=True)
class Evidence:
    """probability: that the documentation holds the answer, at even odds before."""

    features: Features
    probability: float

    def as_dict(self) -> dict[str, float]:
        named = zip(("closeness", "coverage", "reach", "agreement"), astuple(self.features), strict=True)
        return {"probability": round(self.probability, 4), **{name: round(value, 4) for name, value in named}}


def weigh(result: SearchResult, model: str) -> Evidence:
    """The evidence in `result` that its question can be answered. model: name of the embedding model."""
    found = features(result, model)
    intercept, *weights = astuple(WEIGHTS)
    logit = intercept + sum(weight * value for weight, value in zip(weights, astuple(found), strict=True))
    return Evidence(found, 1 / (1 + math.exp(-logit)))


def features(result: SearchResult, model: str) -> Features:
    """The features of `result`; without a word that carries a topic the question has closeness only."""
    vocabulary = result.revision.vocabulary
    asked = set(terms(result.question))
    low, high = cosine_range(model)
    best = max((one.dense_score for one in result.candidates if one.dense_score is not None), default=0.0)
    closeness = min(max((best - low) / (high - low), 0.0), 1.0)
    if all(term.isdecimal() for term in asked):
        return Features(closeness, 0.0, 0.0, 0.0)
    held = [set(terms(f"{one.chunk.context} {one.chunk.text}")) for one in result.candidates[:_TOP]]
    return Features(
        closeness,
        coverage=max((vocabulary.coverage(asked, given) for given in held), default=0.0),
        reach=vocabulary.coverage(asked, set().union(*held)),
        agreement=_agreement(result.candidates),
    )


def _agreement(candidates: tuple[Candidate, ...]) -> float:
    both = sum(
        one.dense_rank is not None and one.sparse_rank is not None and max(one.dense_rank, one.sparse_rank) <= _AGREED
        for one in candidates
    )
    return both / _AGREED


def cosine_range(model: str) -> tuple[float, float]:
    """Cosines that count as 0 and as 1 for an embedding model."""
    fitting = [start for start in _COSINE_RANGES if model.startswith(start)]
    return _COSINE_RANGES[max(fitting, key=len)] if fitting else _DEFAULT_RANGE
