from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate, pairwise

import pytest

from app.callbacks.schedule import (
    DELAYS,
    FINAL_STATUSES,
    GONE,
    HORIZON,
    may_retry,
    next_try,
    retry_after_seconds,
    retry_times,
)

NOW = datetime(2026, 11, 3, 12, 0, 0, tzinfo=UTC)
SEEDS = [f"dlv_{number}" for number in range(400)]


def test_every_try_lies_within_its_interval_and_the_last_within_a_day() -> None:
    bounds = list(pairwise(accumulate(DELAYS, initial=0.0)))
    for seed in SEEDS:
        times = retry_times(seed)
        assert len(times) == len(DELAYS)
        assert all(start <= planned <= end for planned, (start, end) in zip(times, bounds, strict=True))
        assert times[-1] <= HORIZON
    assert sum(DELAYS) <= HORIZON


def test_deliveries_that_failed_together_spread_over_the_whole_interval() -> None:
    bounds = list(pairwise(accumulate(DELAYS, initial=0.0)))
    for number, (start, end) in enumerate(bounds):
        shares = sorted((retry_times(seed)[number] - start) / (end - start) for seed in SEEDS)
        tenths = [sum(tenth / 10 <= share < (tenth + 1) / 10 for share in shares) for tenth in range(10)]
        assert min(tenths) >= len(SEEDS) / 40, "a quarter of an even spread, at least, in each tenth"


def test_the_plan_of_a_seed_never_changes() -> None:
    """A restart of the service, or another process, must find the same times."""
    assert retry_times("dlv_1") == retry_times("dlv_1") != retry_times("dlv_2")
    assert [round(planned) for planned in retry_times("dlv_1")] == [4, 258, 649, 5877, 20_400, 39_966, 81_439]


def test_the_tries_follow_the_plan_and_end() -> None:
    elapsed, tried = 0.4, []
    while (planned := next_try("dlv_7", elapsed)) is not None:
        tried.append(planned)
        elapsed = planned + 0.001
    assert tried == [planned for planned in retry_times("dlv_7") if planned > 0.4]


def test_times_that_went_by_are_skipped() -> None:
    times = retry_times("dlv_7")
    assert next_try("dlv_7", times[3] + 1) == times[4]
    assert next_try("dlv_7", times[-1]) is None
    assert next_try("dlv_7", HORIZON * 3) is None


def test_the_receiver_may_ask_for_later_but_not_for_sooner() -> None:
    times = retry_times("dlv_7")
    assert next_try("dlv_7", times[2], retry_after=1.0) == times[3]
    assert next_try("dlv_7", 0.0, retry_after=times[3] + 1) == times[4]
    beyond = next_try("dlv_7", times[-2], retry_after=times[-1] - times[-2] + 60)
    assert beyond == pytest.approx(times[-1] + 60)
    assert next_try("dlv_7", times[-2], retry_after=HORIZON) == HORIZON
    assert next_try("dlv_7", HORIZON, retry_after=5.0) is None


@pytest.mark.parametrize(
    "status", [100, 101, 301, 302, 308, 400, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 599]
)
def test_answers_after_which_another_try_may_help(status: int) -> None:
    assert may_retry(status)


@pytest.mark.parametrize("status", [200, 202, 204, 299, GONE, 413, 414, 415, 422, 431])
def test_answers_that_are_the_last_word(status: int) -> None:
    assert not may_retry(status)
    assert status < 300 or status in FINAL_STATUSES


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("999999999999999999999", HORIZON),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Tue, 03 Nov 2026 12:01:30 -0000", 90),
        ("Tue, 03 Nov 2026 14:01:30 +0200", 90),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), HORIZON),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Tue, 99 Nov 2026 12:01:30 GMT", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds
