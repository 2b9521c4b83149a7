"""Runs jobs: hands them to DBOS, watches their runs, and picks up what a crash has left anywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from app.config import JobSettings
from app.db import Database, utc_now
from app.errors import DocentError, EngineUnavailable, IndexLocked, IndexMissing, NotReady, Overloaded
from app.jobs import repository
from app.jobs.durable import DurableQueues
from app.jobs.work import JobCancelled, JobFailed, JobRun, Kind, Retry
from app.models.job import Job

log = structlog.get_logger(__name__)

_BEAT_SECONDS = 2.0
# What another try may mend: the model, the index or the database is away for a while.
_PASSING = (EngineUnavailable, Overloaded, IndexLocked, IndexMissing, NotReady, DBAPIError)
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 300.0
_CLOSE_SECONDS = 5


class JobRunner:
    """One for a process. chores: small work of others that the sweep does besides, each time."""

    def __init__(
        self, settings: JobSettings, database: Database, data_dir: Path, database_url: str, service: int = 1
    ) -> None:
        self._settings = settings
        self._database = database
        self._kinds: dict[str, Kind] = {}
        self._chores: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._runs: dict[str, tuple[JobRun, asyncio.Task[dict[str, Any] | None]]] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._hourly_at = 0.0
        self._sweeper: asyncio.Task[None] | None = None
        self._queues = DurableQueues(database_url, data_dir, service, self._run)

    def register(self, kind: Kind) -> None:
        """Before `start`."""
        self._kinds[kind.name] = kind

    def every_sweep(self, chore: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Before `start`."""
        self._chores.append(chore)

    async def start(self) -> None:
        await self._queues.launch({kind.name: kind.concurrency for kind in self._kinds.values()})
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="jobs")

    def wake(self) -> None:
        """A job was committed: hand it on now. Without this call it is found within a second."""
        self._wake.set()

    def progress(self, job_id: str) -> dict[str, Any] | None:
        """Of a job that runs in this process; None where it does not, or not yet, or not any more."""
        held = self._runs.get(job_id)
        return None if held is None else held[0].progress

    async def close(self) -> None:
        """Runs that are at work are cut off, and begun anew by whoever comes next."""
        self._closing = True
        if self._sweeper is not None:
            self._wake.set()
            await asyncio.wait({self._sweeper}, timeout=_CLOSE_SECONDS)
            self._sweeper.cancel()
            await asyncio.wait({self._sweeper})
        while self._runs:  # each takes itself out when its end is written; one may have been about to begin
            tasks = {task for _, task in self._runs.values()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await asyncio.sleep(0)
        await asyncio.to_thread(self._queues.close, _CLOSE_SECONDS)

    async def _run(self, job_id: str, number: int) -> None:
        """One run, as DBOS calls it; again after a crash. Never raises but for a database that is away."""
        if self._closing:
            await self._later(JobRun(job_id, number, "", {}), utc_now(), "the service was stopped")
            return
        async with self._database.transaction() as session:
            job = await repository.begin_run(session, job_id, number)
        if job is None:
            return
        kind = self._kinds[job.kind]
        run = JobRun(job.id, number, job.subject, dict(job.arguments), dict(job.progress))
        if job.starts > self._settings.max_starts:
            begun = f"begun {job.starts - 1} times without coming to an end: look for this job in the log"
            await self._give_up(kind, run, JobFailed(begun))
            return
        task = asyncio.ensure_future(_within(kind, run))
        held = (run, task)
        self._runs[job.id] = held
        try:
            await self._watch(run, task)
            await self._conclude(kind, run, task)
        finally:
            task.cancel()
            if self._runs.get(job.id) is held:
                del self._runs[job.id]

    async def _watch(self, run: JobRun, task: asyncio.Task[dict[str, Any] | None]) -> None:
        """Until the work is over; ends it when the job was cancelled, or was given to another run."""
        while not task.done():
            await asyncio.wait({task}, timeout=_BEAT_SECONDS)
            if task.done() or self._closing:
                continue
            async with self._database.transaction() as session:
                alive = await repository.beat(session, run.id, run.run, dict(run.progress))
            if not alive:
                task.cancel()

    async def _conclude(self, kind: Kind, run: JobRun, task: asyncio.Task[dict[str, Any] | None]) -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            await (
                self._later(run, utc_now(), "the service was stopped") if self._closing else self._cancelled(kind, run)
            )
        elif isinstance(error, Retry):
            await self._retry(kind, run, error.reason, error.at)
        elif isinstance(error, TimeoutError):
            await self._retry(kind, run, f"it took more than {kind.seconds} seconds", None)
        elif isinstance(error, _PASSING):
            reason = error.detail if isinstance(error, DocentError) else "the database did not answer"
            await self._retry(kind, run, reason, None)
        elif isinstance(error, DocentError):
            await self._give_up(kind, run, error)
        elif error is not None:
            log.error("job.crashed", job=run.id, kind=kind.name, exc_info=error)
            await self._give_up(kind, run, JobFailed(f"{type(error).__name__}: the log has it under this job's id"))
        else:
            async with self._database.transaction() as session:
                await repository.succeed(session, run.id, run.run, task.result(), dict(run.progress))

    async def _retry(self, kind: Kind, run: JobRun, reason: str, at: datetime | None) -> None:
        due = at
        if due is None:
            if run.run >= self._settings.max_runs:
                await self._give_up(kind, run, JobFailed(f"given up after {run.run} tries: {reason}"))
                return
            due = utc_now() + timedelta(seconds=min(_FIRST_DELAY * 2 ** (run.run - 1), _LONGEST_DELAY))
        await self._later(run, due, reason, ended=True)

    async def _later(self, run: JobRun, due: datetime, reason: str, *, ended: bool = False) -> None:
        async with self._database.transaction() as session:
            await repository.again(session, run.id, run.run, due, reason, ended=ended)

    async def _give_up(self, kind: Kind, run: JobRun, error: DocentError) -> None:
        """What waits for the job is told first: after a crash between the two it is told once more.

        Nobody is told by a run whose place another one has taken.
        """
        if not await self._is_present(run):
            return
        log.warning("job.failed", job=run.id, kind=kind.name, detail=error.detail)
        await kind.give_up(run.subject, run.id, error)
        async with self._database.transaction() as session:
            await repository.fail(session, run.id, run.run, error, dict(run.progress))
        self.wake()

    async def _cancelled(self, kind: Kind, run: JobRun) -> None:
        """What waits for the job is told as of one that failed; a ticket that was itself cancelled does not wait."""
        if not await self._is_present(run):
            return
        await kind.give_up(run.subject, run.id, JobCancelled("the job was cancelled: retry it to have it done"))
        async with self._database.transaction() as session:
            await repository.cancelled(session, run.id, run.run)

    async def _is_present(self, run: JobRun) -> bool:
        async with self._database.transaction() as session:
            return await repository.is_present(session, run.id, run.run)

    async def _sweep_for_ever(self) -> None:
        while not self._closing:
            sweep = asyncio.ensure_future(self._sweep())
            try:
                await asyncio.wait({sweep})
            finally:
                sweep.cancel()
            if not sweep.cancelled() and sweep.exception() is not None:  # such as a database that is away
                log.error("jobs.sweep_failed", exc_info=sweep.exception())
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.sweep_seconds):
                    await self._wake.wait()

    async def _sweep(self) -> None:
        if self._closing:  # it was told between two sweeps
            return
        self._wake.clear()
        chores = [*self._chores]
        if time.monotonic() >= self._hourly_at:
            self._hourly_at = time.monotonic() + 3600
            chores.append(self._forget_finished)
        for chore in (*chores, self._revive_stalled, self._end_cancelled):
            await _guarded(chore())  # what fails keeps no job from being handed on
        async with self._database.transaction() as session:
            jobs = await repository.waiting(session)
        await self._enqueue([job for job in jobs if job.kind in self._kinds])

    async def _forget_finished(self) -> None:
        before = utc_now() - timedelta(days=self._settings.keep_days)
        async with self._database.transaction() as session:
            await repository.forget_finished(session, before)
        await self._queues.forget(before)

    async def _enqueue(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self._closing:
                return
            await self._queues.enqueue(job.kind, job.id, job.run)
            async with self._database.transaction() as session:
                await repository.mark_enqueued(session, job)

    async def _end_cancelled(self) -> None:
        async with self._database.transaction() as session:
            jobs = await repository.cancelled_before_run(session)
        for job in jobs:
            if job.kind in self._kinds:
                run = JobRun(job.id, job.run, job.subject, dict(job.arguments))
                await _guarded(self._cancelled(self._kinds[job.kind], run))

    async def _revive_stalled(self) -> None:
        """A run without a sign of life hangs, or its process is gone for good: another run takes its place.

        So it is with a run that was handed on and not begun: its process died in between, or could not read the job.
        """
        waited = self._settings.stall_seconds
        async with self._database.transaction() as session:
            handed_on = [job for kind in self._kinds for job in await repository.handed_on(session, kind, waited)]
        for job in handed_on:
            if not await self._queues.is_waiting(job.id, job.run):
                async with self._database.transaction() as session:
                    await repository.again(session, job.id, job.run, utc_now(), "handed on and not begun")
        async with self._database.transaction() as session:
            for job in await repository.stalled(session, waited):
                log.warning("job.stalled", job=job.id, kind=job.kind, run=job.run)
                await repository.again(session, job.id, job.run, utc_now(), f"no sign of life for {waited:.0f} seconds")


async def _within(kind: Kind, run: JobRun) -> dict[str, Any] | None:
    async with asyncio.timeout(kind.seconds):
        return await kind.work(run)


async def _guarded(chore: Coroutine[Any, Any, None]) -> None:
    """Do a part of the sweep; what goes wrong in it is logged."""
    task = asyncio.ensure_future(chore)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
    if not task.cancelled() and task.exception() is not None:  # such as a database that is away
        log.error("jobs.sweep_failed", exc_info=task.exception())
