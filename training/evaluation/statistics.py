"""How sure a difference is: intervals by clusters, exact tests, and what a set of items can detect at all.

Items about one page stand and fall together, so resampling draws whole pages (Miller, 2411.00640). Rounds that repeat
the same items are no new items: they say how steady a model samples, and nothing about other questions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_RESAMPLES = 10_000
_SEED = 0
_POWERED = 1.959964 + 0.841621  # quantiles of a two-sided test at 5 % and of 80 % power
_DISCORDANT = 0.32  # share of items on which two arms differ, where nothing was measured yet


@dataclass(frozen=True, slots=True)
class Interval:
    """mean, with the 2.5 % and 97.5 % quantiles and the standard deviation of its resamples."""

    mean: float
    low: float
    high: float
    error: float

    def as_dict(self) -> dict[str, float]:
        return {
            "mean": round(self.mean, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "standard_error": round(self.error, 4),
        }


def cluster_bootstrap(values: Sequence[float] | Array, clusters: Sequence[str]) -> Interval:
    """Of the mean of `values`, an item each, whose clusters are drawn whole and with replacement; seeded.

    With one cluster there is nothing to draw from: the interval is as wide as the scale, 0 to 1 (-1 to 1 below 0).
    """
    scores = np.asarray(values, dtype=np.float64)
    names, where = np.unique(np.asarray(clusters), return_inverse=True)
    mean = float(scores.mean())
    if len(names) < 2:
        return Interval(mean, -1.0 if scores.min() < 0 else 0.0, 1.0, math.nan)
    sums, sizes = np.bincount(where, weights=scores), np.bincount(where).astype(np.float64)
    drawn = np.random.default_rng(_SEED).multinomial(len(names), np.full(len(names), 1 / len(names)), size=_RESAMPLES)
    means = (drawn @ sums) / (drawn @ sizes)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean, float(low), float(high), float(means.std(ddof=1)))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int, float]:
    """Items that only the first has right, that only the second has, and the exact two-sided p (binomial)."""
    from scipy.stats import binomtest  # noqa: PLC0415  (only training has it)

    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return only_first, only_second, p


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted for having made so many comparisons (Holm 1979): below 0.05 is below it for the whole family.

    >>> holm({"x": 0.01, "y": 0.04, "z": 0.03})
    {'x': 0.03, 'z': 0.06, 'y': 0.06}
    """
    adjusted: dict[str, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = round(highest, 10)
    return adjusted


def detectable_difference(items: int, error: float | None = None) -> float:
    """The smallest difference of two arms that such a set shows in four runs of five, at p < 0.05.

    error: standard error of a measured difference. Without one it is that of paired items of which 32 % differ: 250 of
    them detect 0.10.
    """
    if error is None or math.isnan(error):
        error = math.sqrt(_DISCORDANT / items)
    return _POWERED * error


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Chance that a positive case scores higher than a negative one, ties counting half. nan without both kinds."""
    from scipy.stats import rankdata  # noqa: PLC0415

    truth = np.asarray(positive, dtype=bool)
    count = int(truth.sum())
    if not 0 < count < len(truth):
        return math.nan
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[truth].sum() - count * (count + 1) / 2) / (count * (len(truth) - count)))
