"""Rate limits: what the two counters admit and refuse, held against the exact count."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from sqlalchemy import func, select

from app.auth import limits
from app.auth.limits import Budget, RateLimited, RateLimits, address_key
from app.config import Rate, Settings, parse_rates
from app.db import Database, open_database
from app.models.rate_window import RateWindow

MINUTE = 60
START = 1_800_000_000.0  # a multiple of a minute, an hour and no day


class Clock:
    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


def budget(rates: str, key: str = "visitor") -> Budget:
    return Budget("questions of a test", key, parse_rates(rates))


async def _admitted(limited: RateLimits, *budgets: Budget) -> bool:
    try:
        await limited.spend(*budgets)
    except RateLimited:
        return False
    return True


async def _refusal(limited: RateLimits, *budgets: Budget) -> RateLimited:
    with pytest.raises(RateLimited) as refused:
        await limited.spend(*budgets)
    return refused.value


@dataclass
class ExactCount:
    """The times of all that were admitted."""

    times: list[float] = field(default_factory=list)

    def within(self, seconds: float, now: float) -> int:
        return sum(now - seconds < one <= now for one in self.times)


def _steps(chosen: random.Random) -> float:
    """Bursts, a steady flow, and pauses; times as they come and whole seconds."""
    pause = chosen.choice([0.0, 0.001, 1.0, chosen.expovariate(1.0), chosen.uniform(0, 20), chosen.uniform(0, 150)])
    return pause if chosen.random() < 0.8 else float(round(pause))


@pytest.mark.parametrize(("seed", "count"), [(seed, count) for seed in range(4) for count in (1, 2, 5, 10)])
async def test_what_is_admitted_and_refused(database: Database, clock: Clock, seed: int, count: int) -> None:
    """In any minute less than twice the rate is admitted, and at most the rate in each minute by the clock. Nobody is
    refused who had less than the rate in two minutes. These are the bounds of the method, and both are reached.
    """
    chosen, exact, limited = random.Random(seed), ExactCount(), RateLimits(database)  # noqa: S311
    spent = budget(f"{count}/minute")
    for _ in range(150):
        clock.now += _steps(chosen)
        if await _admitted(limited, spent):
            exact.times.append(clock.now)
            assert exact.within(MINUTE, clock.now) < max(2 * count, 2)
            assert sum(one // MINUTE == clock.now // MINUTE for one in exact.times) <= count
        else:
            assert exact.within(2 * MINUTE, clock.now) >= count
    assert len(exact.times) > count


async def test_the_most_that_is_admitted(database: Database, clock: Clock) -> None:
    """All of a minute at its end, and as many more as fit while they fade."""
    limited, exact, spent = RateLimits(database), ExactCount(), budget("10/minute")
    clock.now += MINUTE - 0.001
    for at in range(10 + 120):
        if await _admitted(limited, spent):
            exact.times.append(clock.now)
        clock.now += 0.4999 if at >= 9 else 0
    assert exact.within(MINUTE, START + 2 * MINUTE - 0.1) == 19


async def test_the_least_that_is_refused(database: Database, clock: Clock) -> None:
    """All of a minute at its beginning count on when it is over."""
    limited, spent = RateLimits(database), budget("10/minute")
    for _ in range(10):
        await limited.spend(spent)
    clock.now += MINUTE + 0.5
    refused = await _refusal(limited, spent)
    assert refused.retry_after == 6


@pytest.mark.parametrize("count", [1, 2, 60])
async def test_who_never_rests_gets_half_the_rate_at_least(database: Database, clock: Clock, count: int) -> None:
    limited, spent, admitted = RateLimits(database), budget(f"{count}/minute"), 0
    for _ in range(8 * 120):
        admitted += await _admitted(limited, spent)
        clock.now += 0.5
    assert 8 * count / 2 <= admitted <= 8 * count
    if count == 60:
        assert admitted >= 0.98 * 8 * count


@pytest.mark.parametrize("seed", range(6))
async def test_retry_after_is_the_first_second_that_admits(database: Database, clock: Clock, seed: int) -> None:
    chosen, limited = random.Random(seed), RateLimits(database)  # noqa: S311
    count = chosen.choice([1, 2, 3, 7, 20])
    spent, refusals = budget(f"{count}/minute"), 0
    while refusals < 25:
        clock.now += _steps(chosen) / 10
        if await _admitted(limited, spent):
            continue
        refusals += 1
        refused = await _refusal(limited, spent)
        assert refused.retry_after is not None
        assert 1 <= refused.retry_after <= 2 * MINUTE
        assert f"try again in {refused.retry_after} seconds" in refused.detail
        now = clock.now
        if refused.retry_after > 1:
            clock.now = now + refused.retry_after - 1.01
            assert not await _admitted(limited, spent)
        clock.now = now + refused.retry_after
        assert await _admitted(limited, spent)


async def test_refusals_are_not_counted(database: Database, clock: Clock) -> None:
    limited, spent = RateLimits(database), budget("3/minute")
    for _ in range(3):
        await limited.spend(spent)
    first = await _refusal(limited, spent)
    for _ in range(50):
        assert (await _refusal(limited, spent)).retry_after == first.retry_after
    clock.now += first.retry_after or 0
    await limited.spend(spent)


async def test_two_rates_of_a_budget(database: Database, clock: Clock) -> None:
    limited, spent = RateLimits(database), budget("2/minute 3/hour")
    await limited.spend(spent)
    await limited.spend(spent)
    assert "2 questions of a test in 60 seconds" in (await _refusal(limited, spent)).detail
    clock.now += 2 * MINUTE
    await limited.spend(spent)
    refused = await _refusal(limited, spent)
    assert "3 questions of a test in 3600 seconds" in refused.detail
    clock.now += refused.retry_after or 0
    await limited.spend(spent)


async def test_where_one_budget_is_used_up_none_is_counted(database: Database) -> None:
    limited = RateLimits(database)
    wide, narrow = budget("100/minute", "wide"), budget("1/minute", "narrow")
    await limited.spend(wide, narrow)
    for _ in range(5):
        await _refusal(limited, wide, narrow)
    async with database.transaction() as session:
        assert (await session.scalars(select(RateWindow.count))).all() == [1, 1]


async def test_budgets_do_not_share(database: Database) -> None:
    limited = RateLimits(database)
    for key in ("one", "other"):
        for name in ("questions", "requests"):
            await limited.spend(Budget(name, key, (Rate(1, MINUTE),)))
            await _refusal(limited, Budget(name, key, (Rate(1, MINUTE),)))


async def test_two_services_on_one_database_share_the_counts(settings: Settings, database: Database) -> None:
    second = open_database(settings)
    try:
        both = [RateLimits(database), RateLimits(second)]
        spent = budget("20/hour")
        admitted = await asyncio.gather(*(_admitted(both[at % 2], spent) for at in range(60)))
    finally:
        await second.close()
    assert sum(admitted) in {20, 40}  # 40 where an hour began meanwhile, which is seen once in years


SPEND = """
import asyncio, sys
from pathlib import Path
from app.auth.limits import Budget, RateLimited, RateLimits
from app.config import Settings, parse_rates
from app.db import open_database

async def spend():
    database = open_database(Settings(data_dir=Path(sys.argv[1])))
    limits, admitted = RateLimits(database), 0
    for _ in range(40):
        try:
            await limits.spend(Budget("questions", "all", parse_rates("30/day")))
            admitted += 1
        except RateLimited:
            pass
    await database.close()
    print(admitted)

sys.stdin.readline()  # all at once
asyncio.run(spend())
"""


@pytest.mark.usefixtures("database")
def test_two_processes_share_the_counts(settings: Settings) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SPEND, str(settings.data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate() for process in started]
    assert [problems for _, problems in said] == ["", ""]
    assert sum(int(admitted) for admitted, _ in said) == 30


async def test_old_counters_are_swept(database: Database, clock: Clock) -> None:
    limited = RateLimits(database)
    for key in range(5):
        await limited.spend(budget("10/minute", str(key)))
    clock.now += 15 * MINUTE
    await limited.spend(budget("10/minute", "late"))
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(RateWindow)) == 1


async def test_a_clock_that_is_set_back_stops_nobody_for_long(database: Database, clock: Clock) -> None:
    limited, spent = RateLimits(database), budget("2/minute")
    await limited.spend(spent)
    await limited.spend(spent)
    clock.now -= 10 * MINUTE
    await limited.spend(spent)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::1", "::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("192.0.2.7, 10.0.0.1", "unknown"),
        ("x" * 5000, "unknown"),
    ],
)
def test_what_an_address_is_counted_under(address: str, key: str) -> None:
    assert address_key(address) == key


def test_rates_as_they_are_written() -> None:
    assert parse_rates("10/minute 200/day") == (Rate(10, 60), Rate(200, 86_400))
    assert parse_rates("1/second,2/hour") == (Rate(1, 1), Rate(2, 3600))
    for wrong in (
        "",
        " ",
        "10",
        "0/minute",
        "-1/minute",
        "10/week",
        "10 / minute",
        "1e3/minute",
        "١/minute",
        "9" * 10 + "/day",
    ):
        with pytest.raises(ValueError, match="10/minute 200/day"):
            parse_rates(wrong)
