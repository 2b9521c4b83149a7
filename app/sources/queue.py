"""Index runs that are asked for over HTTP: durable jobs, whose progress is shown while they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

from app.db import Database
from app.errors import DocentError, IndexRejected
from app.index.indexer import IndexReport, Progress
from app.jobs.repository import add_job, find_job, list_jobs
from app.jobs.runner import JobRunner
from app.jobs.work import FINISHED
from app.models.job import Job
from app.sources.jobs import INDEX, REINDEX, UNLESS_HELD
from app.sources.registry import find_source
from app.sources.schemas import IndexBody
from app.sources.service import index_request
from app.sources.specification import ReindexBody

_SUBJECT_CHARS = 300
_LOOK_SECONDS = 0.1
_EVENT_SECONDS = 0.5
_STEP = frozenset(field.name for field in fields(Progress))


class IndexQueue:
    def __init__(self, database: Database, runner: JobRunner) -> None:
        self._database = database
        self._runner = runner

    def index(self, body: IndexBody) -> AsyncIterator[Progress | IndexReport]:
        """Queue a run: progress while it runs, the report at the end. Raises InvalidInput."""
        request = index_request(body)
        paths = [str(path) for path in request.paths]
        arguments = {
            "paths": paths, "base_url": request.base_url, "rebuild": request.rebuild, "force": request.force
        }  # fmt: skip
        return self._follow(", ".join(paths) or "all sources", arguments)

    def remove(self, name: str) -> AsyncIterator[Progress | IndexReport]:
        """Queue a run that takes a source out of the index."""
        return self._follow(name, {"remove": name})

    async def reindex(self, body: ReindexBody, *, unless_held: bool = False) -> Job:
        """Queue a run over sources that there are. unless_held: it gives way to a rollback. Raises NotFound."""
        async with self._database.transaction() as session:
            for name in body.sources or ():
                await find_source(session, name)
        arguments = body.model_dump(mode="json")
        if unless_held:
            arguments[UNLESS_HELD] = True
            async with self._database.transaction() as session:  # pushes come in bursts
                for job in await list_jobs(session, kind=REINDEX, state="queued"):
                    if job.arguments == arguments and not (job.starts or job.cancel):
                        return job
        return await self._queue(REINDEX, _subject(body), arguments)

    async def delete(self, name: str) -> Job:
        """Queue a run that takes a source out of the index. Raises NotFound."""
        async with self._database.transaction() as session:
            await find_source(session, name)
        return await self._queue(INDEX, name, {"remove": name})

    async def find(self, name: str) -> None:
        """Raises NotFound."""
        async with self._database.transaction() as session:
            await find_source(session, name)

    async def events(self, job_id: str) -> AsyncIterator[Job]:
        """A job whenever it has changed, until it is over. Raises NotFound."""
        shown: tuple[str, dict[str, Any]] | None = None
        while True:
            async with self._database.transaction() as session:
                job = await find_job(session, job_id)
            job.progress = self._runner.progress(job_id) or job.progress
            if (job.state, job.progress) != shown:
                shown = (job.state, dict(job.progress))
                yield job
            if job.state in FINISHED:
                return
            await asyncio.sleep(_EVENT_SECONDS)

    async def _queue(self, kind: str, subject: str, arguments: dict[str, Any]) -> Job:
        async with self._database.transaction() as session:
            job = add_job(session, kind, subject[:_SUBJECT_CHARS], arguments)
        self._runner.wake()
        async with self._database.transaction() as session:
            return await find_job(session, job.id)

    async def _follow(self, subject: str, arguments: dict[str, Any]) -> AsyncIterator[Progress | IndexReport]:
        """Who stops reading does not stop the job."""
        job_id = (await self._queue(INDEX, subject, arguments)).id
        shown: dict[str, Any] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            progress = self._runner.progress(job_id)
            if progress is not None:  # it runs here: its end is seen below
                if progress and progress != shown:
                    shown = progress
                    yield _step(progress)
                continue
            async with self._database.transaction() as session:
                job = await find_job(session, job_id)
            if job.state in FINISHED:
                break
        if job.progress and job.progress != shown:  # its last steps took less time than passes between two looks
            yield _step(job.progress)
        if job.state == "succeeded" and job.result:
            yield IndexReport.model_validate(job.result)
            return
        raise _failure(job)


def _subject(body: ReindexBody) -> str:
    return ", ".join(body.sources or ["all sources"]) + (", dry run" if body.dry_run else "")


def _step(progress: dict[str, Any]) -> Progress:
    return Progress(**{name: value for name, value in progress.items() if name in _STEP})


def _failure(job: Job) -> DocentError:
    """What a job ended with, as the error it was: kinds of errors are the classes' own."""
    if job.state == "cancelled":
        return IndexRejected("the job was cancelled: what was indexed before serves on")
    error = job.error or {}
    failure = next((kind for kind in _kinds(DocentError) if kind.kind == error.get("kind")), DocentError)
    return failure(str(error.get("detail", "the job failed")))


def _kinds(error: type[DocentError]) -> list[type[DocentError]]:
    return [error, *(kind for below in error.__subclasses__() for kind in _kinds(below))]
