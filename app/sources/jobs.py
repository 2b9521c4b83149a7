"""Indexing as durable jobs: asked for over HTTP or by a push, or due by the clock."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from croniter import CroniterError, croniter
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.db import Database, utc_now
from app.errors import NotFound
from app.index.catalog import Catalog
from app.index.indexer import Indexer, IndexRequest, Progress
from app.jobs.precedence import Precedence
from app.jobs.repository import add_job
from app.jobs.work import JobRun
from app.models.index import Source
from app.models.job import Job
from app.sources.reindexing import IndexHeld, Reindexing
from app.sources.specification import ReindexBody

log = structlog.get_logger(__name__)

INDEX, REINDEX, SYNC = "index", "reindex", "sync"
UNLESS_HELD = "unless_held"  # the argument of a run that a schedule or a push asks for
_GIVEN_WAY_SECONDS = 0.25  # at each step, while somebody is being answered: indexing goes on, at a crawl
_SCHEDULES_SECONDS = 15.0  # from one look at the schedules to the next; cron counts in minutes


class IndexJobs:
    """The works of the kinds `index`, `reindex` and `sync`, and the chore that queues the latter."""

    def __init__(
        self, database: Database, catalog: Catalog, indexer: Indexer, reindexing: Reindexing, precedence: Precedence,
        sync_hours: float,
    ) -> None:  # fmt: skip
        self._database = database
        self._catalog = catalog
        self._indexer = indexer
        self._reindexing = reindexing
        self._precedence = precedence
        self._every = timedelta(hours=sync_hours)
        self._look_at = 0.0

    async def index(self, run: JobRun) -> dict[str, Any]:
        """Index the folders of the arguments, or take the source `remove` out; a killed run leaves no trace."""
        remove = run.arguments.get("remove")
        if remove is not None:
            try:
                done = await self._reindexing.remove(remove, self._reporter(run))
            except NotFound:
                if run.run > 1 or run.progress:  # a run that was cut off after it was done
                    return {}
                raise
            return done.model_dump(mode="json")
        request = IndexRequest(
            tuple(Path(path) for path in run.arguments["paths"]),
            run.arguments.get("base_url"),
            bool(run.arguments.get("rebuild")),
            force=bool(run.arguments.get("force")),
        )
        return (await self._indexer.index(request, self._reporter(run))).model_dump(mode="json")

    async def reindex(self, run: JobRun) -> dict[str, Any]:
        """Bring sources up to date, or say what that would change."""
        wanted = {name: value for name, value in run.arguments.items() if name in ReindexBody.model_fields}
        unless_held = bool(run.arguments.get(UNLESS_HELD))
        try:
            done = await self._reindexing.run(
                ReindexBody.model_validate(wanted), self._reporter(run), unless_held=unless_held
            )
        except IndexHeld as error:
            return {"left_out": error.detail}
        return done.model_dump(mode="json")

    async def sync(self, run: JobRun) -> dict[str, Any]:
        """What a schedule asks for: one source, or every source."""
        if all(source.handbook for source in await self._catalog.sources()):
            return {}
        run.arguments[UNLESS_HELD] = True
        return await self.reindex(run)

    async def queue_sync(self) -> None:
        """Queue the syncs that are due. Their ids are their times, so that of several processes one queues each."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _SCHEDULES_SECONDS
        now = utc_now()
        if self._every:
            slot = int(now.timestamp() // self._every.total_seconds())
            await self._queue(f"job_sync_{slot}", "all sources", {})
        for source in await self._catalog.sources():
            try:
                at = last_due(source, now)
            except CroniterError as error:  # of a schedule that an earlier version took
                log.warning("source.schedule_unusable", source=source.name, detail=str(error))
                continue
            if at is not None:
                name = hashlib.sha256(source.name.encode()).hexdigest()[:16]
                await self._queue(f"job_sync_{name}_{int(at.timestamp())}", source.name, {"sources": [source.name]})

    async def _queue(self, job_id: str, subject: str, arguments: dict[str, Any]) -> None:
        async with self._database.transaction() as session:
            if await session.scalar(select(Job.id).where(Job.id == job_id)) is not None:
                return
        try:
            async with self._database.transaction() as session:
                add_job(session, SYNC, subject, arguments).id = job_id
        except IntegrityError:
            return  # another process was faster

    def _reporter(self, run: JobRun) -> Callable[[Progress], None]:
        """Called from the indexer's thread, which it holds up while somebody is being answered."""
        loop = asyncio.get_running_loop()
        pace = _Pace()

        def report(progress: Progress) -> None:
            run.progress = {**asdict(progress), **pace.of(progress)}
            asyncio.run_coroutine_threadsafe(self._precedence.after_answers(_GIVEN_WAY_SECONDS), loop).result()

        return report


class _Pace:
    """How fast a phase goes, since its first step."""

    def __init__(self) -> None:
        self._phase, self._since, self._first = "", 0.0, 0

    def of(self, progress: Progress) -> dict[str, float | None]:
        """rate: steps a second. seconds_left: of this phase; None where that is not known yet."""
        now = time.monotonic()
        if progress.phase != self._phase:
            self._phase, self._since, self._first = progress.phase, now, progress.done
        seconds, done = now - self._since, progress.done - self._first
        rate = done / seconds if seconds > 0 else 0.0
        left = round((progress.total - progress.done) / rate, 1) if rate and progress.total else None
        return {"rate": round(rate, 2), "seconds_left": left}


def last_due(source: Source, now: datetime) -> datetime | None:
    """When a source was to be synced last and was not; None where it has no schedule, or was. now: in UTC."""
    if not source.schedule or source.handbook:
        return None
    at: datetime = croniter(source.schedule, now.astimezone(UTC)).get_prev(datetime)
    begun = max(source.created_at, source.synced_at or source.created_at)
    return at if at > begun else None
