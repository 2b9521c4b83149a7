"""Indexing as durable jobs: asked for over HTTP, or due by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.db import Database, utc_now
from app.errors import NotFound
from app.index.catalog import Catalog
from app.index.indexer import Indexer, IndexReport, IndexRequest, Progress
from app.jobs.precedence import Precedence
from app.jobs.repository import add_job
from app.jobs.work import JobRun
from app.models.job import Job

INDEX, SYNC = "index", "sync"
_GIVEN_WAY_SECONDS = 0.25  # at each step, while somebody is being answered: indexing goes on, at a crawl


class IndexJobs:
    """The works of the kinds `index` and `sync`, and the chore that queues the latter."""

    def __init__(
        self, database: Database, catalog: Catalog, indexer: Indexer, precedence: Precedence, sync_hours: float
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._indexer = indexer
        self._precedence = precedence
        self._every = timedelta(hours=sync_hours)

    async def index(self, run: JobRun) -> dict[str, Any]:
        """Index the folders of the arguments, or take the source `remove` out; a killed run leaves no trace."""
        remove = run.arguments.get("remove")
        if remove is not None:
            try:
                done = await self._indexer.remove(remove, self._reporter(run))
            except NotFound:
                if run.run > 1 or run.progress:  # a run that was cut off after it was done
                    return {}
                raise
            return done.model_dump(mode="json")
        request = IndexRequest(
            tuple(Path(path) for path in run.arguments["paths"]),
            run.arguments.get("base_url"),
            bool(run.arguments.get("rebuild")),
        )
        return await self._report(run, self._indexer.index, request)

    async def sync(self, run: JobRun) -> dict[str, Any]:
        """Bring every source up to date."""
        sources = [source for source in await self._catalog.sources() if not source.handbook]
        if not sources:
            return {}
        return await self._report(run, self._indexer.index, IndexRequest(tuple(Path(one.location) for one in sources)))

    async def queue_sync(self) -> None:
        """Queue a sync that is due. Its id is its time, so that of several processes one queues it."""
        if not self._every:
            return
        now = utc_now()
        slot = int(now.timestamp() // self._every.total_seconds())
        job_id = f"job_sync_{slot}"
        async with self._database.transaction() as session:
            if await session.scalar(select(Job.id).where(Job.id == job_id)) is not None:
                return
        try:
            async with self._database.transaction() as session:
                add_job(session, SYNC, "all sources").id = job_id
        except IntegrityError:
            return  # another process was faster

    async def _report(
        self,
        run: JobRun,
        work: Callable[[IndexRequest, Callable[[Progress], None]], Awaitable[IndexReport]],
        request: IndexRequest,
    ) -> dict[str, Any]:
        return (await work(request, self._reporter(run))).model_dump(mode="json")

    def _reporter(self, run: JobRun) -> Callable[[Progress], None]:
        """Called from the indexer's thread, which it holds up while somebody is being answered."""
        loop = asyncio.get_running_loop()

        def report(progress: Progress) -> None:
            run.progress = asdict(progress)
            asyncio.run_coroutine_threadsafe(self._precedence.after_answers(_GIVEN_WAY_SECONDS), loop).result()

        return report
