"""When a source is due, and that it is synced once then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select, update

from app.db import open_database
from app.index.catalog import Catalog
from app.jobs.precedence import Precedence
from app.jobs.work import JobRun
from app.models.index import Source
from app.models.job import Job
from app.sources.jobs import SYNC, IndexJobs, last_due
from app.sources.specification import SourceBody
from tests.sources.operating import LAMP, Desk

NIGHTLY = "0 3 * * *"
MADE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def source(schedule: str = NIGHTLY, synced: datetime | None = None, *, handbook: bool = False) -> Source:
    return Source(name="s", schedule=schedule, handbook=handbook, created_at=MADE, synced_at=synced)


@pytest.mark.parametrize(
    ("now", "synced", "due"),
    [
        ("2026-11-20 13:00", None, None),  # made after the time of that day
        ("2026-11-21 02:59:59", None, None),
        ("2026-11-21 03:00:01", None, "2026-11-21 03:00"),
        ("2026-11-21 03:01", "2026-11-21 03:00:30", None),
        ("2026-11-21 09:00", "2026-11-20 22:00", "2026-11-21 03:00"),
        ("2026-11-25 09:00", "2026-11-21 03:01", "2026-11-25 03:00"),  # once after a pause, not once a day
    ],
)
def test_when_a_source_is_due(now: str, synced: str | None, due: str | None) -> None:
    assert last_due(source(synced=at(synced) if synced else None), at(now)) == (at(due) if due else None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_clock_is_utc() -> None:
    now = datetime(2026, 11, 21, 5, 30, tzinfo=timezone(timedelta(hours=5)))  # half past midnight

    assert last_due(source(), now) is None
    assert last_due(source("30 0 * * *"), now + timedelta(minutes=1)) == datetime(2026, 11, 21, 0, 30, tzinfo=UTC)


def test_what_is_never_due() -> None:
    now = datetime(2026, 12, 24, tzinfo=UTC)

    assert last_due(source(""), now) is None
    assert last_due(source(handbook=True), now) is None


async def test_a_due_source_is_synced_once_by_two_looks_and_two_processes(desk: Desk, pages: Path) -> None:
    await desk.add("house", pages, schedule="* * * * *")
    await desk.add("quiet", pages / "clock.md")
    await desk.run()
    database = desk.core.database
    async with database.transaction() as session:
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        await session.execute(update(Source).values(created_at=an_hour_ago, synced_at=an_hour_ago))
    other = open_database(desk.core.settings)
    try:
        looks = [
            IndexJobs(one, Catalog(one), desk.core.indexer, desk.reindexing, Precedence(0), 0)
            for one in (database, other, database)
        ]
        for jobs in looks:
            await jobs.queue_sync()
    finally:
        await other.close()

    async with database.transaction() as session:
        queued = (await session.scalars(select(Job).where(Job.kind == SYNC))).all()
    # Three looks at the turn of a minute see two of them.
    assert 1 <= len(queued) <= 2
    assert {job.subject for job in queued} == {"house"}
    (pages / "lamp.md").write_text(LAMP + "\nIt glows at night.\n")
    run = JobRun(queued[0].id, 1, "house", dict(queued[0].arguments))
    assert (await looks[0].sync(run))["sources"] == ["house"]
    (house,) = [one for one in await desk.core.catalog.sources() if one.name == "house"]
    assert last_due(house, datetime.now(UTC)) is None


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "R R * * *", "H * * * *", "* * * *", "0 0 * * 5#3", "often"])
def test_schedules_that_are_none(schedule: str) -> None:
    with pytest.raises(ValidationError, match="it is no schedule"):
        SourceBody(name="lamp", kind="folder", location="/docs", schedule=schedule)


@pytest.mark.parametrize(
    "location",
    [
        "https://name:to/ken@git.example.org/x.git",
        "name:token@git.example.org:x.git",
        "https:/name:token@git.example.org/x.git",
        "https://git.example.org/x.git?private_token=token",
        "https://***@git.example.org/x.git",
    ],
)
def test_git_locations_that_would_show_their_token(location: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SourceBody(name="lamp", kind="git", location=location)
    assert "token@" not in str(refused.value.errors()[0]["msg"])
