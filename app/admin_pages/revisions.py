"""Revisions of the index: which one serves, and going back to an earlier one."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from app.admin_pages.access import Form
from app.admin_pages.rendering import page, router, see_other
from app.errors import NotFound
from app.sources.admin_endpoints import RevisionsOf

pages = router()


@pages.get("/admin/revisions")
async def show_revisions(request: Request, revisions: RevisionsOf) -> Response:
    return page(request, "revisions.html", revisions=await revisions.list())


@pages.get("/admin/revisions/{revision_id}/rollback")
async def confirm_rollback(request: Request, revision_id: str, revisions: RevisionsOf) -> Response:
    found = await revisions.list()
    wanted = next((one for one in found if one.id == revision_id), None)
    if wanted is None:
        raise NotFound(f"there is no revision {revision_id[:100]}: the page of revisions lists those there are")
    serving = next((one for one in found if one.serves), None)
    return page(request, "rollback.html", revision=wanted, serving=serving)


@pages.post("/admin/revisions/{revision_id}/rollback")
async def roll_back(revision_id: str, revisions: RevisionsOf, _: Form) -> Response:
    await revisions.rollback(revision_id)
    return see_other("/admin/revisions", "rolled-back")
