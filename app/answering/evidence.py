"""Does what was retrieved hold an answer at all? Decides on abstention before a word is generated.

A logistic model over three features of the retrieval. Its weights were fitted by `bench/fit_evidence.py` on the odd
half of the labelled questions; `make bench` prints how it does on the even half.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from app.index.search import SearchResult
from app.index.terms import terms

# Cosines between a question and the passage that answers it: those of unrelated ones (0) and of good matches (1), by
# model. MiniLM's were measured on the labelled sets; the others are from their cards' advice and were not.
_COSINE_RANGES = {
    "sentence-transformers/all-MiniLM-L6-v2": (0.15, 0.70),
    "BAAI/bge-": (0.45, 0.80),
    "intfloat/": (0.70, 0.90),
}
_DEFAULT_RANGE = (0.20, 0.75)
_TOP = 5  # chunks whose words may cover the question

# Weights: intercept, closeness, coverage, unknown.
_WEIGHTS = (-2.0, 3.0, 3.0, -3.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """closeness: best cosine on the model's own scale, 0 to 1. coverage: share of the question's terms (by IDF) in the
    best of the first chunks. unknown: share of them that stands nowhere in the docs. probability: that it is
    answerable.
    """

    closeness: float
    coverage: float
    unknown: float
    probability: float

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def weigh(result: SearchResult, model: str) -> Evidence:
    """The evidence in `result` that its question can be answered. model: name of the embedding model."""
    closeness, coverage, unknown = features(result, model)
    intercept, *weights = _WEIGHTS
    logit = intercept + sum(w * x for w, x in zip(weights, (closeness, coverage, unknown), strict=True))
    return Evidence(closeness, coverage, unknown, 1 / (1 + math.exp(-logit)))


def features(result: SearchResult, model: str) -> tuple[float, float, float]:
    """closeness, coverage and unknown of Evidence."""
    vocabulary = result.revision.vocabulary
    asked = set(terms(result.question))
    low, high = cosine_range(model)
    best = max((one.dense_score for one in result.candidates if one.dense_score is not None), default=0.0)
    closeness = min(max((best - low) / (high - low), 0.0), 1.0)
    if not asked:
        return closeness, 0.0, 1.0
    coverage = max(
        (
            vocabulary.coverage(asked, terms(f"{one.chunk.context} {one.chunk.text}"))
            for one in result.candidates[:_TOP]
        ),
        default=0.0,
    )
    unknown = vocabulary.weight({term for term in asked if term not in vocabulary}) / vocabulary.weight(asked)
    return closeness, coverage, unknown


def cosine_range(model: str) -> tuple[float, float]:
    fitting = [start for start in _COSINE_RANGES if model.startswith(start)]
    return _COSINE_RANGES[max(fitting, key=len)] if fitting else _DEFAULT_RANGE
