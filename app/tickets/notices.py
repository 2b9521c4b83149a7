"""Who is told of a finished ticket."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.callbacks.outbox import queue_callback
from app.jobs.repository import add_job
from app.models.ticket import Ticket
from app.tickets.responses import ticket_response

PUBLISH = "publish"  # the kind of jobs by which adapters hand answers out


async def tell(session: AsyncSession, ticket: Ticket) -> None:
    """Queue the callback of a finished ticket, and its way back through the adapter it came from."""
    if ticket.callback_url is not None:
        response = await ticket_response(session, ticket)
        queue_callback(
            session, ticket.id, f"ticket.{ticket.state}", ticket.callback_url, response.model_dump(mode="json")
        )
    if ticket.origin is not None and ticket.result is not None and ticket.state != "failed":
        add_job(session, PUBLISH, ticket.id, {"channel": ticket.channel, "answer": ticket.result["id"]})
