"""The pages below /admin, for operators in a browser."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from app.admin_pages import callbacks, jobs, overview, questions, revisions, signing_in, sources, tickets
from app.admin_pages.access import START, operator
from app.admin_pages.rendering import router as page_router
from app.admin_pages.rendering import see_other
from app.errors import NotFound

_rest = page_router()


@_rest.get("/admin/{path:path}")
async def nothing_there(path: str) -> Response:
    if not path:
        return see_other(START)
    raise NotFound(f"there is no page /admin/{path[:100]}: the navigation leads to those there are")


router = APIRouter(include_in_schema=False)
router.include_router(signing_in.public)
for _pages in (overview, sources, jobs, revisions, questions, tickets, callbacks):
    router.include_router(_pages.pages, dependencies=[Depends(operator)])
router.include_router(_rest, dependencies=[Depends(operator)])
