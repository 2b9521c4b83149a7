"""What a job's work is given, and the ways it can end besides being done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.errors import DocentError

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
FINISHED: tuple[State, ...] = ("succeeded", "failed", "cancelled")


AGAIN = "again"  # the argument of a job that an operator runs again after it had failed for good


@dataclass(slots=True)
class JobRun:
    """One run of a job. progress: what is shown of it; the work replaces it as it goes on."""

    id: str
    run: int
    subject: str
    arguments: dict[str, Any]
    progress: dict[str, Any] = field(default_factory=dict)


class Retry(Exception):
    """Raised by a work that wants another run.

    at: not before; None: the runner's own delays, after which, as often as `jobs.max_runs` says, it gives up.
    """

    def __init__(self, reason: str, at: datetime | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class JobFailed(DocentError):
    """Raised by a work whose next run would end as this one."""

    kind = "job-failed"
    title = "The job failed"


class JobCancelled(DocentError):
    """What those are told who wait for a job that an operator has cancelled."""

    kind = "job-cancelled"
    title = "The job was cancelled"


Work = Callable[[JobRun], Awaitable[dict[str, Any] | None]]
GiveUp = Callable[[str, str, DocentError], Awaitable[None]]


async def _nothing_more(_subject: str, _job_id: str, _error: DocentError) -> None:
    return


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of jobs.

    work: done at least once, and so written that twice does no harm. concurrency: how many of it at once in this
    process. give_up: told of subject, job and error when a job fails for good or is cancelled, before it is shown so.
    seconds: a run that takes longer hangs, and another one takes its place.
    """

    name: str
    work: Work
    concurrency: int
    give_up: GiveUp = _nothing_more
    seconds: float | None = None
