"""Index and search over HTTP, for the command line on this machine and for admin keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel

from app.auth.bearer import described_token
from app.auth.gate import Gate
from app.description import event_stream
from app.errors import DocentError
from app.index.indexer import IndexReport, Progress
from app.problems import problem, problem_responses
from app.sources.queue import IndexQueue
from app.sources.schemas import IndexBody, SearchResponse
from app.sources.service import QUESTION_CHARS, SourcesService
from app.sources.specification import NAME


async def operator(request: Request) -> None:
    """An API key of scope admin, or the token of `service.json`: who can read the data folder may give orders."""
    gate: Gate = request.app.state.gate
    await gate.admit(request, "admin")


def sources_service(request: Request) -> SourcesService:
    service: SourcesService = request.app.state.sources
    return service


def index_queue(request: Request) -> IndexQueue:
    queue: IndexQueue = request.app.state.index_queue
    return queue


Queue = Annotated[IndexQueue, Depends(index_queue)]
Sources = Annotated[SourcesService, Depends(sources_service)]
router = APIRouter(
    prefix="/api/v1/admin",
    tags=["admin"],
    dependencies=[described_token("admin"), Depends(operator)],
    responses=problem_responses(401, 403, 422, 429),
)
_EVENTS = event_stream(
    "index.progress",
    "index.completed",
    "index.failed",
    example='event: index.progress\ndata: {"phase":"read","done":1,"total":12,"item":"start.md","seen":1,'
    '"changed":0,"deleted":0,"failed":0,"embedded":0,"failures":[]}\n\n'
    'event: index.failed\ndata: {"problem":{"type":"urn:docent:problem:index-locked","title":"Another indexer is '
    'running","status":409,"detail":"another index run is going on: wait for its end"}}\n\n',
)
_RUN: dict[int | str, dict[str, Any]] = {
    200: {"content": _EVENTS, "description": "Progress, and last `index.completed` or `index.failed`."}
}


@router.post("/index", response_class=Response, responses={**_RUN, **problem_responses(400)})
async def index(body: IndexBody, queue: Queue) -> Response:
    """Index folders of this machine; events `index.progress`, then `index.completed` or `index.failed`."""
    return EventSourceResponse(_events(queue.index(body)))


@router.get("/search", responses=problem_responses(503))
async def search(
    sources: Sources,
    q: Annotated[str, Query(max_length=QUESTION_CHARS)],
    k: Annotated[int, Query(ge=1, le=100)] = 5,
    explain: bool = False,
) -> SearchResponse:
    return await sources.search(q, k, explain)


@router.delete("/sources/{name}", response_class=Response, responses={**_RUN, **problem_responses(404)})
async def delete_source(name: Annotated[str, Path(pattern=NAME)], queue: Queue) -> Response:
    """Take a source out of the index; events as of `/index`."""
    await queue.find(name)
    return EventSourceResponse(_events(queue.remove(name)))


async def _events(progress: AsyncIterator[Progress | IndexReport]) -> AsyncIterator[bytes]:
    try:
        async for item in progress:
            if isinstance(item, BaseModel):
                yield format_sse_event(event="index.completed", data_str=item.model_dump_json())
            else:
                yield format_sse_event(event="index.progress", data_str=_Progress(**asdict(item)).model_dump_json())
    except DocentError as error:
        yield format_sse_event(event="index.failed", data_str=_Failure(problem=problem(error)).model_dump_json())


class _Progress(BaseModel):
    phase: str
    done: int
    total: int
    item: str
    seen: int
    changed: int
    deleted: int
    failed: int
    embedded: int
    failures: list[tuple[str, str]]


class _Failure(BaseModel):
    problem: dict[str, str | int]
