"""SQL of jobs. A run writes only while it is the job's present one, so that one that was given up cannot."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import utc_now
from app.errors import DocentError, NotFound
from app.jobs.work import FINISHED
from app.models.job import Job

_ENQUEUED_AT_ONCE = 200
_LOOKED_AFTER_AT_ONCE = 5


def add_job(session: AsyncSession, kind: str, subject: str, arguments: dict[str, Any] | None = None) -> Job:
    """A new job in the transaction of what asks for it; JobRunner hands it on once that is committed."""
    job = Job(id=f"job_{secrets.token_hex(12)}", kind=kind, subject=subject, arguments=arguments or {})
    session.add(job)
    return job


async def find_job(session: AsyncSession, job_id: str) -> Job:
    """Raises NotFound."""
    job = await session.get(Job, job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id}: `docent jobs list` shows them")
    return job


async def begin_run(session: AsyncSession, job_id: str, run: int) -> Job | None:
    """Take up a run; None where there is nothing to do any more: another one was begun, or it is over."""
    now = utc_now()
    waits = select(Job.cancel).where(Job.id == job_id, Job.state == "queued")
    if await session.scalar(waits):  # the sweep ends it
        return None
    if not await _write(session, job_id, run, {"state": "running", "starts": Job.starts + 1, "beat_at": now}):
        return None
    job = await session.get(Job, job_id, populate_existing=True)
    if job is not None and job.started_at is None:
        job.started_at = now
    return job


async def beat(session: AsyncSession, job_id: str, run: int, progress: dict[str, Any]) -> bool:
    """Say that a run lives; False where it is to end: it was cancelled, or another one has taken its place."""
    alive = await _write(session, job_id, run, {"beat_at": utc_now(), "progress": progress})
    return alive and not await session.scalar(select(Job.cancel).where(Job.id == job_id))


async def succeed(
    session: AsyncSession, job_id: str, run: int, result: dict[str, Any] | None, progress: dict[str, Any]
) -> None:
    await _end(session, job_id, run, {"state": "succeeded", "result": result, "progress": progress})


async def fail(session: AsyncSession, job_id: str, run: int, error: DocentError, progress: dict[str, Any]) -> None:
    shown = {"kind": error.kind, "detail": error.detail}
    await _end(session, job_id, run, {"state": "failed", "error": shown, "progress": progress})


async def is_present(session: AsyncSession, job_id: str, run: int) -> bool:
    """Whether the job is not over, and `run` is its present one."""
    query = select(Job.id).where(Job.id == job_id, Job.run == run, Job.state.in_(("queued", "running")))
    return await session.scalar(query) is not None


async def again(
    session: AsyncSession, job_id: str, run: int, due_at: datetime, reason: str, *, ended: bool = False
) -> None:
    """Give the job another run, unless it has one already, or is over.

    ended: the run came to its end, and does not count among those that were cut short.
    """
    following: dict[str, Any] = {"state": "queued", "run": run + 1, "enqueued": False, "due_at": due_at}
    await _write(session, job_id, run, {**following, "reason": reason, **({"starts": 0} if ended else {})})


async def cancelled(session: AsyncSession, job_id: str, run: int) -> None:
    await _end(session, job_id, run, {"state": "cancelled"})


async def _end(session: AsyncSession, job_id: str, run: int, values: dict[str, Any]) -> None:
    await _write(session, job_id, run, {**values, "finished_at": utc_now()})


async def _write(session: AsyncSession, job_id: str, run: int, values: dict[str, Any]) -> bool:
    """Write to a job that is not over, if `run` is its present one."""
    statement = update(Job).where(Job.id == job_id, Job.run == run, Job.state.in_(("queued", "running")))
    done = await session.execute(statement.values(**values).execution_options(synchronize_session=False))
    assert isinstance(done, CursorResult)  # noqa: S101  (an UPDATE's)
    return done.rowcount == 1


async def waiting(session: AsyncSession) -> Sequence[Job]:
    """Jobs to be handed to DBOS now, the longest due first."""
    query = select(Job).where(
        Job.state == "queued", Job.cancel.is_(False), Job.enqueued.is_(False), Job.due_at <= utc_now()
    )
    return (await session.scalars(query.order_by(Job.due_at, Job.id).limit(_ENQUEUED_AT_ONCE))).all()


async def mark_enqueued(session: AsyncSession, job: Job) -> None:
    await _write(session, job.id, job.run, {"enqueued": True})


async def stalled(session: AsyncSession, seconds: float) -> Sequence[Job]:
    """Jobs that run without a sign of life for so long."""
    query = select(Job).where(Job.state == "running", Job.beat_at < utc_now() - timedelta(seconds=seconds))
    return (await session.scalars(query)).all()


async def handed_on(session: AsyncSession, kind: str, seconds: float) -> Sequence[Job]:
    """The first of a kind's jobs that were handed to DBOS and are not begun after so long: it is busy, or lost them."""
    query = select(Job).where(
        Job.kind == kind,
        Job.state == "queued",
        Job.enqueued.is_(True),
        Job.due_at < utc_now() - timedelta(seconds=seconds),
    )
    return (await session.scalars(query.order_by(Job.due_at, Job.id).limit(_LOOKED_AFTER_AT_ONCE))).all()


async def cancelled_before_run(session: AsyncSession) -> Sequence[Job]:
    """Jobs that were cancelled while they waited, or before a crash."""
    query = select(Job).where(Job.state == "queued", Job.cancel.is_(True))
    return (await session.scalars(query.limit(_ENQUEUED_AT_ONCE))).all()


async def forget_finished(session: AsyncSession, before: datetime) -> None:
    await session.execute(delete(Job).where(Job.state.in_(FINISHED), Job.finished_at < before))


async def list_jobs(
    session: AsyncSession, *, kind: str | None = None, state: str | None = None, limit: int = 50
) -> Sequence[Job]:
    """The newest first."""
    query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit)
    if kind is not None:
        query = query.where(Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    return (await session.scalars(query)).all()


async def cancel_job(session: AsyncSession, job_id: str) -> Job:
    """Have a job ended: the runner does it at its next sweep where the job waits, else within seconds.

    Raises NotFound.
    """
    job = await find_job(session, job_id)
    if job.state not in FINISHED:
        await session.execute(update(Job).where(Job.id == job_id).values(cancel=True))
        await session.refresh(job)
    return job
