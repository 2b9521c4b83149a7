"""Tickets with their decisions."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import Path, Query, Request
from fastapi.responses import Response

from app.admin_pages.filters import OfDecision, OfTicketState
from app.admin_pages.questions import DECISIONS
from app.admin_pages.rendering import page, router
from app.callbacks.outbox import Outbox
from app.tickets.endpoints import Tickets
from app.tickets.schemas import Short, State, TicketId, TicketQuery

pages = router()
_SHOWN, _CALLBACKS = 50, 20


@pages.get("/admin/tickets")
async def show_tickets(
    request: Request,
    tickets: Tickets,
    decision: OfDecision = None,
    state: OfTicketState = None,
    cursor: Annotated[Short | None, Query()] = None,
) -> Response:
    wanted = TicketQuery(decision=decision, state=state, cursor=cursor, limit=_SHOWN)
    context: dict[str, Any] = {
        "found": await tickets.list(wanted),
        "decisions": DECISIONS,
        "states": get_args(State),
        "chosen": {"decision": decision or "", "state": state or ""},
        "cursor": cursor,
    }
    return page(request, "tickets.html", **context)


@pages.get("/admin/tickets/{ticket_id}")
async def show_ticket(request: Request, ticket_id: Annotated[TicketId, Path()], tickets: Tickets) -> Response:
    outbox: Outbox = request.app.state.outbox
    ticket = await tickets.get(ticket_id)
    return page(request, "ticket.html", ticket=ticket, callbacks=await outbox.list(ticket_id, None, _CALLBACKS))
