"""Jobs and callbacks for operators: keys of scope admin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from app.admin.schemas import (
    AttemptResponse,
    CallbackDetail,
    CallbackId,
    CallbackResponse,
    CallbackState,
    JobId,
    JobResponse,
    SecretResponse,
)
from app.admin.service import JobsService
from app.auth.bearer import described_token
from app.auth.gate import Gate
from app.callbacks.outbox import Outbox
from app.jobs.runner import JobRunner
from app.jobs.work import State
from app.problems import problem_responses


async def operator(request: Request) -> None:
    """An API key of scope admin, or the command line of this machine."""
    gate: Gate = request.app.state.gate
    await gate.admit(request, "admin")


def jobs_service(request: Request) -> JobsService:
    runner: JobRunner = request.app.state.jobs
    return JobsService(request.app.state.core.database, runner.wake)


def callback_outbox(request: Request) -> Outbox:
    outbox: Outbox = request.app.state.outbox
    return outbox


Jobs = Annotated[JobsService, Depends(jobs_service)]
Callbacks = Annotated[Outbox, Depends(callback_outbox)]
JobPath = Annotated[JobId, Path()]
CallbackPath = Annotated[CallbackId, Path()]
Limit = Annotated[int, Query(ge=1, le=200)]
router = APIRouter(
    prefix="/api/v1/admin",
    tags=["admin"],
    dependencies=[described_token("admin"), Depends(operator)],
    responses=problem_responses(401, 403, 422, 429),
)


@router.get("/jobs")
async def list_jobs(
    jobs: Jobs,
    kind: Annotated[str | None, Query(pattern=r"^[a-z]{1,40}$")] = None,
    state: State | None = None,
    limit: Limit = 50,
) -> list[JobResponse]:
    """The newest first."""
    return [JobResponse.model_validate(job) for job in await jobs.list(kind, state, limit)]


@router.get("/jobs/{job_id}", responses=problem_responses(404))
async def get_job(job_id: JobPath, jobs: Jobs) -> JobResponse:
    return JobResponse.model_validate(await jobs.find(job_id))


@router.post("/jobs/{job_id}/cancel", responses=problem_responses(404, 409))
async def cancel_job(job_id: JobPath, jobs: Jobs) -> JobResponse:
    """End a job, within seconds."""
    return JobResponse.model_validate(await jobs.cancel(job_id))


@router.post("/jobs/{job_id}/retry", responses=problem_responses(404, 409))
async def retry_job(
    job_id: JobPath,
    jobs: Jobs,
    reason: Annotated[str, Query(pattern=r"^[^\x00]{1,200}$", description="Shown with the job.")] = "asked for",
) -> JobResponse:
    """Run a job again that failed or was cancelled."""
    return JobResponse.model_validate(await jobs.retry(job_id, reason))


@router.get("/callbacks")
async def list_callbacks(
    callbacks: Callbacks,
    ticket_id: Annotated[str | None, Query(pattern=r"^tkt_[0-9a-f]{24}$")] = None,
    state: CallbackState | None = None,
    limit: Limit = 50,
) -> list[CallbackResponse]:
    """The newest first."""
    return [CallbackResponse.model_validate(one) for one in await callbacks.list(ticket_id, state, limit)]


@router.get("/callbacks/{callback_id}", responses=problem_responses(404))
async def get_callback(callback_id: CallbackPath, callbacks: Callbacks) -> CallbackDetail:
    """A callback with every attempt to deliver it."""
    callback, attempts = await callbacks.find(callback_id)
    shown = CallbackResponse.model_validate(callback)
    return CallbackDetail(
        **shown.model_dump(), attempts=[AttemptResponse.model_validate(attempt) for attempt in attempts]
    )


@router.post("/callbacks/{callback_id}/redeliver", status_code=202, responses=problem_responses(404))
async def redeliver(callback_id: CallbackPath, callbacks: Callbacks, request: Request) -> CallbackResponse:
    """Deliver a callback once more, under the same id."""
    callback = await callbacks.redeliver(callback_id)
    runner: JobRunner = request.app.state.jobs
    runner.wake()
    return CallbackResponse.model_validate(callback)


@router.post("/callback-secret/rotate")
async def rotate_secret(callbacks: Callbacks) -> SecretResponse:
    """Make a new secret; callbacks are signed with the one before it, too, for as long as `previous_until` says."""
    secret, until = await callbacks.rotate_secret()
    return SecretResponse(secret=secret.reveal(), previous_until=until)
