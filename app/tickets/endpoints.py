"""Tickets over HTTP, for ticket systems: keys of scope `tickets`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from app.auth.bearer import described_token
from app.auth.gate import Gate
from app.auth.principal import Principal
from app.problems import problem_responses
from app.tickets.examples import OUTCOME, PAGE, QUEUED, TICKET, example
from app.tickets.schemas import (
    OutcomeRequest,
    OutcomeResponse,
    Said,
    TicketChange,
    TicketId,
    TicketPage,
    TicketQuery,
    TicketRequest,
    TicketResponse,
)
from app.tickets.service import TicketsService

_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])")


async def ticket_system(request: Request) -> Principal:
    """An API key of scope tickets, or the command line of this machine."""
    gate: Gate = request.app.state.gate
    return await gate.admit_ticket(request)


def tickets_service(request: Request) -> TicketsService:
    service: TicketsService = request.app.state.tickets
    return service


System = Annotated[Principal, Depends(ticket_system)]
Tickets = Annotated[TicketsService, Depends(tickets_service)]
TicketPath = Annotated[TicketId, Path()]
router = APIRouter(
    prefix="/api/v1/tickets",
    tags=["tickets"],
    dependencies=[described_token("tickets")],
    responses=problem_responses(401, 403, 422, 429),
)
_CREATED: dict[str, Any] = {
    "Location": {"description": "Where the ticket is read.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "`true`: it was made before.", "schema": {"type": "string"}},
    "Preference-Applied": {"description": "Of `Prefer`: `wait=20`.", "schema": {"type": "string"}},
}
_TICKET: dict[int | str, dict[str, Any]] = {200: example(TICKET)}
_CHANGED = problem_responses(400, 404, 409, 413)


@router.post(
    "",
    status_code=202,
    response_model=TicketResponse,
    responses={
        200: {"model": TicketResponse, "description": "It is finished.", "headers": _CREATED, **example(TICKET)},
        202: {"description": "It is worked on.", "headers": _CREATED, **example(QUEUED)},
        **problem_responses(400, 409, 413),
    },
)
async def create(
    body: TicketRequest,
    system: System,
    tickets: Tickets,
    response: Response,
    idempotency_key: Annotated[str | None, Header(description="Makes repeats harmless, for 24 hours or more.")] = None,
    prefer: Annotated[str, Header(description="`wait=20`: answer when it is finished, or after 20 seconds.")] = "",
) -> TicketResponse:
    """Hand over a ticket: 202 while it is worked on, 200 where it is finished. The same again changes nothing."""
    ticket, new = await tickets.create(system, body, idempotency_key)
    wanted = _PREFER_WAIT.search(prefer)
    if wanted:
        ticket = await tickets.wait(ticket.id, int(wanted[1]))
        response.headers["Preference-Applied"] = f"wait={wanted[1]}"
    if not new:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/api/v1/tickets/{ticket.id}"
    response.status_code = 200 if ticket.finished_at is not None else 202
    return ticket


@router.get("", responses={200: example(PAGE)})
async def list_tickets(_: System, tickets: Tickets, wanted: Annotated[TicketQuery, Query()]) -> TicketPage:
    """The newest first, page by page: send `next_cursor` as `cursor` for the next one."""
    return await tickets.list(wanted)


@router.get("/{ticket_id}", responses={**_TICKET, **problem_responses(404)})
async def get(ticket_id: TicketPath, _: System, tickets: Tickets) -> TicketResponse:
    return await tickets.get(ticket_id)


@router.patch("/{ticket_id}", responses={**_TICKET, **_CHANGED})
async def change(ticket_id: TicketPath, body: TicketChange, _: System, tickets: Tickets) -> TicketResponse:
    """Say that the ticket has changed there. An answer in the making becomes a draft, as does one while assigned."""
    return await tickets.change(ticket_id, body)


@router.post("/{ticket_id}/cancel", responses={**_TICKET, **problem_responses(404, 409)})
async def cancel(ticket_id: TicketPath, _: System, tickets: Tickets) -> TicketResponse:
    """End a ticket before it is answered."""
    return await tickets.cancel(ticket_id)


@router.post("/{ticket_id}/messages", status_code=202, responses={202: example(QUEUED), **_CHANGED})
async def add_message(
    ticket_id: TicketPath,
    body: Said,
    _: System,
    tickets: Tickets,
    message_id: Annotated[
        str | None, Query(pattern=r"^[^\x00]{1,200}$", description="Your id of it, against repeats.")
    ] = None,
) -> TicketResponse:
    """Add a message. The requester's reopens the ticket; one of the team makes an answer in the making a draft."""
    return await tickets.add_message(ticket_id, body, message_id)


@router.put("/{ticket_id}/outcome", responses={200: example(OUTCOME), **_CHANGED})
async def set_outcome(ticket_id: TicketPath, body: OutcomeRequest, _: System, tickets: Tickets) -> OutcomeResponse:
    """Say what became of the answer: accepted, edited or rejected, and by whom."""
    return await tickets.set_outcome(ticket_id, body)
