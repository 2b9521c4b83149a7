"""A runner of jobs in the test's process, with kinds of the test's own. DBOS is one a process: one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import update

from app.config import JobSettings, Settings
from app.db import Database, open_database
from app.jobs.repository import add_job, find_job
from app.jobs.runner import JobRunner
from app.jobs.work import FINISHED, Kind
from app.models.job import Job


class Running:
    def __init__(self, database: Database, runner: JobRunner) -> None:
        self.database = database
        self.runner = runner

    async def add(self, kind: str, subject: str, **arguments: Any) -> str:
        async with self.database.transaction() as session:
            job_id = add_job(session, kind, subject, arguments).id
        self.runner.wake()
        return job_id

    async def job(self, job_id: str) -> Job:
        async with self.database.transaction() as session:
            return await find_job(session, job_id)

    async def until(self, job_id: str, *states: str) -> Job:
        while (job := await self.job(job_id)).state not in (states or FINISHED):  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.02)
        return job

    async def write(self, job_id: str, **values: Any) -> None:
        async with self.database.transaction() as session:
            await session.execute(update(Job).where(Job.id == job_id).values(**values))


@asynccontextmanager
async def running(settings: Settings, *kinds: Kind, **job_settings: Any) -> AsyncIterator[Running]:
    database = open_database(settings)
    await database.migrate()
    chosen = JobSettings(**({"sweep_seconds": 0.1} | job_settings))
    runner = JobRunner(chosen, database, settings.data_dir, settings.database_url)
    for kind in kinds:
        runner.register(kind)
    try:
        await runner.start()
        try:
            yield Running(database, runner)
        finally:
            await runner.close()
    finally:
        await database.close()
