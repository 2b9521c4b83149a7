"""Exact bounds of a share, against values that others have published and against what defines them."""

from __future__ import annotations

import math

import pytest

from app.calibration.bounds import flawless_needed, lower_bound, upper_bound

# Two-sided 95 % intervals by Clopper and Pearson: R. G. Newcombe, Two-sided confidence intervals for the single
# proportion, Statistics in Medicine 17 (1998), 857-872, table I, method 5.
NEWCOMBE = [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)]


@pytest.mark.parametrize(("right", "total", "lower", "upper"), NEWCOMBE)
def test_published_intervals(right: int, total: int, lower: float, upper: float) -> None:
    assert lower_bound(right, total, 0.975) == pytest.approx(lower, abs=5e-5)
    assert upper_bound(right, total, 0.975) == pytest.approx(upper, abs=5e-5)


def test_the_example_of_the_handbook_of_statistical_methods() -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.4.1: 4 of 20, a 90 % interval."""
    assert lower_bound(4, 20, 0.95) == pytest.approx(0.071354, abs=2e-6)
    assert upper_bound(4, 20, 0.95) == pytest.approx(0.401029, abs=2e-6)


@pytest.mark.parametrize(("right", "total"), [(1, 2), (3, 4), (19, 20), (45, 50), (180, 200), (3, 200), (2890, 3000)])
@pytest.mark.parametrize("certainty", [0.8, 0.95, 0.99])
def test_at_the_lower_bound_so_many_right_ones_are_as_likely_as_the_doubt(
    right: int, total: int, certainty: float
) -> None:
    """Which defines it; summed from every term, in whole numbers as far as they go."""
    share = lower_bound(right, total, certainty)
    terms = [
        math.exp(math.log(math.comb(total, count)) + count * math.log(share) + (total - count) * math.log1p(-share))
        for count in range(right, total + 1)
    ]
    assert math.fsum(terms) == pytest.approx(1 - certainty, rel=1e-8)


def test_none_and_all() -> None:
    assert lower_bound(0, 7, 0.95) == 0
    assert lower_bound(0, 0, 0.95) == 0
    assert upper_bound(0, 0, 0.95) == 1
    assert upper_bound(7, 7, 0.95) == 1
    assert lower_bound(3, 3, 0.95) == pytest.approx(0.05 ** (1 / 3))  # three right ones prove 0.37, not 0.99


@pytest.mark.parametrize(("share", "needed"), [(0.9, 29), (0.95, 59), (0.99, 299)])
def test_how_many_flawless_ones_prove_a_share(share: float, needed: int) -> None:
    """29, 59 and 299 are Wilks' sample sizes: S. S. Wilks, Determination of sample sizes for setting tolerance limits,
    Annals of Mathematical Statistics 12 (1941), 91-96.
    """
    assert flawless_needed(share, 0.95) == needed
    assert lower_bound(needed, needed, 0.95) >= share > lower_bound(needed - 1, needed - 1, 0.95)
