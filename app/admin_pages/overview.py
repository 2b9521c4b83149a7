"""The first page: what serves, what is not ready, what works and what has failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import func, select

from app.admin.endpoints import Jobs
from app.admin_pages.access import START
from app.admin_pages.questions import decisions_since
from app.admin_pages.rendering import page, router
from app.db import utc_now
from app.errors import DocentError
from app.models.callback import Callback
from app.models.ticket import Ticket
from app.sources.admin_endpoints import Registry, RevisionsOf

pages = router()
_DAY = timedelta(days=1)
_RUNNING, _FAILED = 20, 5


@pages.get(START)
async def show_overview(request: Request, jobs: Jobs, registry: Registry, revisions: RevisionsOf) -> Response:
    state = request.app.state
    async with state.core.database.transaction() as session:
        answers = await decisions_since(session, utc_now() - _DAY)
        open_tickets = select(func.count()).where(Ticket.state.in_(("queued", "answering")))
        failed_callbacks = select(func.count()).where(Callback.state == "failed")
        counts: dict[str, Any] = {
            "answers": answers,
            "open_tickets": await session.scalar(open_tickets),
            "failed_callbacks": await session.scalar(failed_callbacks),
        }
    return page(
        request,
        "overview.html",
        waiting=await _waiting(request),
        serving=next((one for one in await revisions.list() if one.serves), None),
        sources=await registry.list(),
        running=await jobs.list(None, "running", _RUNNING),
        queued=await jobs.list(None, "queued", _RUNNING),
        failed=await jobs.list(None, "failed", _FAILED),
        **counts,
    )


async def _waiting(request: Request) -> dict[str, str]:
    """What is not ready by name, with what is being done about it, or why."""
    state = request.app.state
    waiting: dict[str, str] = dict(state.readiness.waiting)
    for name, probe in (("index", state.core.library.current), ("engine", state.model.client.ready)):
        try:
            await probe()
        except DocentError as error:
            waiting.setdefault(name, error.detail)
    return waiting
