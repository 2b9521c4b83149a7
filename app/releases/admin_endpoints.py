"""Releases for operators: keys of scope admin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.auth.bearer import described_token
from app.problems import problem_responses
from app.releases.schemas import PromoteBody, ReleaseResponse
from app.releases.service import ReleasesService
from app.sources.endpoints import operator


def releases_service(request: Request) -> ReleasesService:
    service: ReleasesService = request.app.state.releases
    return service


Releases = Annotated[ReleasesService, Depends(releases_service)]
router = APIRouter(
    prefix="/api/v1/admin/releases",
    tags=["admin"],
    dependencies=[described_token("admin"), Depends(operator)],
    responses=problem_responses(401, 403, 422, 429),
)


@router.get("")
async def list_releases(releases: Releases) -> list[ReleaseResponse]:
    """The newest first."""
    return await releases.list()


@router.post("", responses=problem_responses(400, 404, 409, 503))
async def promote(body: PromoteBody, releases: Releases) -> ReleaseResponse:
    """Put a release into service: index, model, prompt and thresholds at once."""
    return await releases.promote(body)


@router.post("/rollback", responses=problem_responses(404, 409, 503))
async def rollback(releases: Releases) -> ReleaseResponse:
    """Back to the release that served before."""
    return await releases.rollback()
