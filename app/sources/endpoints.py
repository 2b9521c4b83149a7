"""Index and search over HTTP, for the command line on this machine and for admin keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel

from app.auth.gate import Gate
from app.errors import DocentError
from app.index.indexer import IndexReport, Progress
from app.problems import problem
from app.sources.schemas import IndexBody, SearchResponse, SourceInfo
from app.sources.service import QUESTION_CHARS, SourcesService


async def operator(request: Request) -> None:
    """An API key of scope admin, or the token of `service.json`: who can read the data folder may give orders."""
    gate: Gate = request.app.state.gate
    await gate.admit(request, "admin")


def sources_service(request: Request) -> SourcesService:
    service: SourcesService = request.app.state.sources
    return service


Sources = Annotated[SourcesService, Depends(sources_service)]
router = APIRouter(prefix="/api/v1/admin", tags=["admin"], dependencies=[Depends(operator)])


@router.post("/index")
async def index(body: IndexBody, sources: Sources) -> Response:
    """Index folders of this machine; events `index.progress`, then `index.completed` or `index.failed`."""
    return EventSourceResponse(_events(sources.index(body)))


@router.get("/search")
async def search(
    sources: Sources,
    q: Annotated[str, Query(max_length=QUESTION_CHARS)],
    k: Annotated[int, Query(ge=1, le=100)] = 5,
    explain: bool = False,
) -> SearchResponse:
    return await sources.search(q, k, explain)


@router.get("/sources")
async def list_sources(sources: Sources) -> list[SourceInfo]:
    return await sources.sources()


@router.delete("/sources/{name}")
async def delete_source(name: str, sources: Sources) -> Response:
    """Take a source out of the index; events as of `/index`."""
    return EventSourceResponse(_events(sources.remove(name)))


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


class _Failure(BaseModel):
    problem: dict[str, str | int]
