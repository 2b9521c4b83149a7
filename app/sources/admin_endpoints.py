"""Sources, reindexing and revisions for operators: keys of scope admin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from app.auth.bearer import described_token
from app.description import event_stream
from app.jobs.work import State
from app.models.job import Job
from app.problems import problem_responses
from app.sources.endpoints import Queue, operator
from app.sources.registry import SourceRegistry
from app.sources.revisions import RevisionResponse, RevisionsService
from app.sources.specification import (
    NAME,
    PushSecret,
    ReindexBody,
    SourceBody,
    SourceChange,
    SourceResponse,
    SourceTest,
)


class IndexJob(BaseModel):
    """A job as it is queued, at work, or over. progress: of the phase that it is in. result: of one that succeeded."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "job_5f0c9e1b7a2d4c6e8f013579",
                    "kind": "reindex",
                    "state": "running",
                    "progress": {
                        "phase": "embed", "done": 120, "total": 480, "item": "guides/start.md", "seen": 300,
                        "changed": 36, "deleted": 2, "failed": 0, "embedded": 120, "failures": [],
                        "rate": 14.2, "seconds_left": 25.4,
                    },
                    "error": None,
                    "result": None,
                }
            ]
        },
    )  # fmt: skip

    id: str
    kind: str
    state: State
    progress: dict[str, Any]
    error: dict[str, Any] | None
    result: dict[str, Any] | None


class RollbackBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"revision": "20261122-173439-6cc763"}]})

    revision: str | None = Field(
        None, pattern=r"^[0-9a-z-]{1,60}$", description="The one before the serving one without."
    )


def source_registry(request: Request) -> SourceRegistry:
    registry: SourceRegistry = request.app.state.source_registry
    return registry


def revisions_service(request: Request) -> RevisionsService:
    service: RevisionsService = request.app.state.revisions_service
    return service


Registry = Annotated[SourceRegistry, Depends(source_registry)]
RevisionsOf = Annotated[RevisionsService, Depends(revisions_service)]
Name = Annotated[str, Path(pattern=NAME)]
JobPath = Annotated[str, Path(pattern=r"^job_[0-9a-z_]{1,60}$")]
router = APIRouter(
    prefix="/api/v1/admin",
    tags=["admin"],
    dependencies=[described_token("admin"), Depends(operator)],
    responses=problem_responses(401, 403, 422, 429),
)
_EVENTS = event_stream(
    "job.progress",
    "job.finished",
    example='event: job.progress\ndata: {"id":"job_5f0c9e1b7a2d4c6e8f013579","kind":"reindex","state":"running",'
    '"progress":{"phase":"read","done":1,"total":12},"error":null,"result":null}\n\n',
)


@router.get("/sources")
async def list_sources(registry: Registry) -> list[SourceResponse]:
    """In the order in which they were made."""
    return await registry.list()


@router.post("/sources", status_code=201, responses=problem_responses(400, 409))
async def create_source(body: SourceBody, registry: Registry) -> SourceResponse:
    """Make a source. Nothing is indexed yet: `POST /reindex` does that."""
    return await registry.create(body)


@router.post("/sources/test", responses=problem_responses(400))
async def try_source(body: SourceBody, registry: Registry) -> SourceTest:
    """Look what a source would give, and save nothing."""
    return await registry.test(body)


@router.get("/sources/{name}", responses=problem_responses(404))
async def get_source(name: Name, registry: Registry) -> SourceResponse:
    return await registry.get(name)


@router.patch("/sources/{name}", responses=problem_responses(400, 404, 409))
async def change_source(name: Name, body: SourceChange, registry: Registry) -> SourceResponse:
    """Change a source. What is indexed of it stays until its next run."""
    return await registry.update(name, body)


@router.get("/sources/{name}/push-secret", responses=problem_responses(404))
async def push_secret(name: Name, registry: Registry) -> PushSecret:
    """What webhooks of pushes to a git source are signed with."""
    return await registry.push_secret(name)


@router.post("/sources/{name}/sync", status_code=202, responses=problem_responses(404))
async def sync_source(name: Name, registry: Registry, queue: Queue) -> IndexJob:
    """Bring one source up to date."""
    await registry.get(name)
    return IndexJob.model_validate(await queue.reindex(ReindexBody(sources=[name])))


@router.post("/reindex", status_code=202, responses=problem_responses(400, 404))
async def reindex(body: ReindexBody, queue: Queue) -> IndexJob:
    """Bring sources up to date, or, with `dry_run`, say what that would change. Answers keep flowing meanwhile."""
    return IndexJob.model_validate(await queue.reindex(body))


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": _EVENTS, "description": "`job.progress` at each change, and last `job.finished`."},
        **problem_responses(404),
    },
)
async def job_events(job_id: JobPath, queue: Queue) -> Response:
    """A job's progress as it goes on."""
    events = queue.events(job_id)
    first = await anext(events)  # that there is no such job is said with a status
    return EventSourceResponse(_shown(first, events))


@router.get("/revisions")
async def list_revisions(revisions: RevisionsOf) -> list[RevisionResponse]:
    """The newest first."""
    return await revisions.list()


@router.post("/index/rollback", responses=problem_responses(400, 404, 503))
async def rollback(body: RollbackBody, revisions: RevisionsOf) -> RevisionResponse:
    """Have an earlier revision serve. Schedules and pushes leave it there, until somebody asks for a run."""
    return await revisions.rollback(body.revision)


async def _shown(first: Job, events: AsyncIterator[Job]) -> AsyncIterator[bytes]:
    yield _event(first)
    async for job in events:
        yield _event(job)


def _event(job: Job) -> bytes:
    name = "job.finished" if job.state in {"succeeded", "failed", "cancelled"} else "job.progress"
    return format_sse_event(event=name, data_str=IndexJob.model_validate(job).model_dump_json())
