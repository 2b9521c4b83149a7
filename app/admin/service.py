"""Jobs as an operator sees them: look, cancel, run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.db import Database, utc_now
from app.errors import DocentError
from app.jobs import repository
from app.jobs.work import AGAIN, FINISHED
from app.models.job import Job


class JobConflict(DocentError):
    status = 409
    kind = "job-conflict"
    title = "The job does not stand so"


class JobsService:
    """wake: tells the runner; the command line has none at hand, and is seen to within a second."""

    def __init__(self, database: Database, wake: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._wake = wake

    async def list(self, kind: str | None, state: str | None, limit: int) -> Sequence[Job]:
        """The newest first."""
        async with self._database.transaction() as session:
            return await repository.list_jobs(session, kind=kind, state=state, limit=limit)

    async def find(self, job_id: str) -> Job:
        """Raises NotFound."""
        async with self._database.transaction() as session:
            return await repository.find_job(session, job_id)

    async def cancel(self, job_id: str) -> Job:
        """End a job; one that runs ends within seconds. Raises NotFound, JobConflict."""
        async with self._database.transaction() as session:
            job = await repository.find_job(session, job_id)
            if job.state in FINISHED and job.state != "cancelled":
                raise JobConflict(f"the job is {job.state}: there is nothing left to cancel")
            job = await repository.cancel_job(session, job_id)
        self._wake()
        return job

    async def retry(self, job_id: str, reason: str = "asked for") -> Job:
        """Run a job again that failed or was cancelled. Raises NotFound, JobConflict."""
        async with self._database.transaction() as session:
            job = await repository.find_job(session, job_id)
            if job.state not in {"failed", "cancelled"}:
                raise JobConflict(f"the job is {job.state}: only failed and cancelled ones are run again")
            job.state, job.run, job.starts, job.enqueued = "queued", job.run + 1, 0, False
            job.arguments, job.progress = {**job.arguments, AGAIN: True}, {}
            job.cancel, job.due_at, job.error, job.finished_at, job.reason = False, utc_now(), None, None, reason
        self._wake()
        return job
