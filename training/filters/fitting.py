"""Fits the weights of the grounding filter to pairs that were judged by reading, and measures the filters on them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import SourceError
from training.rows import Row, read_as
from training.schema.data import Rows

Array = NDArray[np.float64]
_RIDGE = 3.0
_STEPS = 30  # Newton's; it stands still after 8
_FOLDS, _REPEATS = 10, 5
_Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a pair was judged. row: its place in its file, from 1. trimmed: of what `trimmed` leaves of its answer."""

    row: int
    verdict: str
    self_standing: bool
    trimmed: str

    @property
    def good(self) -> bool:
        """True to the docs, and to be understood without its page."""
        return self.verdict == "true" and self.self_standing

    @property
    def good_when_trimmed(self) -> bool:
        """Whether it is good by what the filters keep of it."""
        return self.trimmed == "true" and self.self_standing

    @property
    def tuning(self) -> bool:
        """Whether it is of the half that may be tuned on: by a hash, so that more labels move none to the other."""
        return hashlib.sha256(f"row {self.row - 1}".encode()).digest()[0] % 2 == 0


def read_verdicts(path: Path) -> dict[int, Verdict]:
    """By row, from 1; the file counts from 0. Raises SourceError with file and row of what is no verdict."""
    return {one.row: one for one in read_as(Rows(path=str(path)), lambda row, _: _verdict(row))}


def _verdict(row: Row) -> Verdict:
    row_number, verdict, self_standing = (str(row.get(name) or "") for name in ("row", "verdict", "self_standing"))
    if not row_number.isdecimal() or not verdict or not self_standing:
        raise SourceError(f"is no label: it needs row (a whole number), verdict and self_standing, and has {row}")
    return Verdict(int(row_number) + 1, verdict, self_standing == "yes", str(row.get("trimmed") or "") or verdict)


def fit(rows: Array, good: Array) -> Array:
    """Weights by feature and the intercept, on the features' own scale: logistic regression with a ridge of 3.

    rows: (pairs, features). good: 0 or 1 by pair. The features are standardised for the ridge.
    """
    centre, scale = rows.mean(0), rows.std(0) + 1e-9
    design = np.c_[(rows - centre) / scale, np.ones(len(rows))]
    ridge = np.diag([*[_RIDGE] * rows.shape[1], 1e-6])
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-design @ weights))
        curvature = design.T @ (design * (chance * (1 - chance))[:, None]) + ridge
        weights -= np.linalg.solve(curvature, design.T @ (chance - good) + ridge @ weights)
    own = weights[:-1] / scale
    return np.r_[own, weights[-1] - own @ centre]


def predict(weights: Array, rows: Array) -> Array:
    return 1 / (1 + np.exp(-(rows @ weights[:-1] + weights[-1])))


def out_of_fold(rows: Array, good: Array) -> Array:
    """What models that never saw a pair say of it: the mean of 5 times 10 folds, by a fixed seed."""
    said = np.zeros(len(rows))
    for repeat in range(_REPEATS):
        order = np.random.default_rng(repeat).permutation(len(rows))
        for fold in range(_FOLDS):
            unseen = order[fold::_FOLDS]
            seen = np.setdiff1d(order, unseen)
            said[unseen] += predict(fit(rows[seen], good[seen]), rows[unseen])
    return said / _REPEATS


@dataclass(frozen=True, slots=True)
class Share:
    """A count of a total, with its 95 % Wilson interval."""

    count: int
    total: int

    @property
    def interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        share, spread = self.count / self.total, _Z**2 / self.total
        middle = share + spread / 2
        reach = _Z * math.sqrt(share * (1 - share) / self.total + spread / (4 * self.total))
        return (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)

    def __str__(self) -> str:
        low, high = self.interval
        share = f"{self.count / self.total:.3f}" if self.total else "-"
        return f"{share} ({self.count} of {self.total}, 95 % interval {low:.2f} to {high:.2f})"


@dataclass(frozen=True, slots=True)
class Measure:
    """precision: good ones among the kept, by what was kept of them. recall: kept ones among those good as they were.

    base: good ones among all, as they were.
    """

    precision: Share
    recall: Share
    base: Share


def measure(verdicts: Sequence[Verdict], kept: AbstractSet[int]) -> Measure:
    """kept: rows that passed, from 1."""
    good = {one.row for one in verdicts if one.good}
    held = [one for one in verdicts if one.row in kept]
    return Measure(
        Share(sum(one.good_when_trimmed for one in held), len(held)),
        Share(len(good & kept), len(good)),
        Share(len(good), len(verdicts)),
    )
