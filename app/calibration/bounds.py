"""How low, or how high, a share may really be that was counted on a few examples.

The bounds are exact (Clopper and Pearson 1934): they hold at least as often as they say, whatever the share. Wilson's
interval is narrower, but near 1, where precisions are, its lower end is too high more often than it says.
"""

from __future__ import annotations

import math

_HALVINGS = 44  # of [0, 1]: to 1e-13


def lower_bound(right: int, total: int, certainty: float) -> float:
    """The share that `right` of `total` prove at `certainty` (one-sided): 0 where nothing is right or counted."""
    if not right:
        return 0.0
    if right == total:
        return float((1 - certainty) ** (1 / total))
    low, high = 0.0, right / total
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_least(right, total, middle) > 1 - certainty:
            high = middle
        else:
            low = middle
    return low


def upper_bound(right: int, total: int, certainty: float) -> float:
    """The share that `right` of `total` do not rule out at `certainty` (one-sided)."""
    return 1 - lower_bound(total - right, total, certainty)


def flawless_needed(share: float, certainty: float) -> int:
    """How many examples prove `share` when every one is right: with fewer no count of right ones does."""
    return math.ceil(math.log(1 - certainty) / math.log(share))


def _at_least(right: int, total: int, share: float) -> float:
    """Probability of `right` or more of `total`, for a share below right/total: there the terms only get smaller."""
    if share <= 0:
        return 0.0
    ways = math.lgamma(total + 1) - math.lgamma(right + 1) - math.lgamma(total - right + 1)
    term = math.exp(ways + right * math.log(share) + (total - right) * math.log1p(-share))
    odds, summed = share / (1 - share), term
    for count in range(right, total):
        term *= odds * (total - count) / (count + 1)
        summed += term
        if term < summed * 1e-16:
            break
    return summed
