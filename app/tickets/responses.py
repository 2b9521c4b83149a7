"""Tickets as they leave."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.models.ticket import Ticket, TicketOutcome
from app.tickets import repository
from app.tickets.schemas import OutcomeResponse, TicketMessage, TicketResponse, TicketSummary

_SAME = (
    "id", "external_id", "channel", "state", "version", "mode", "subject", "requester", "assignee", "labels",
    "product_version", "locale", "attachments", "callback_url", "result", "error", "job_id", "created_at", "updated_at",
    "finished_at",
)  # fmt: skip


async def ticket_response(session: AsyncSession, ticket: Ticket) -> TicketResponse:
    """The whole ticket. A result that was answered before the ticket was reopened stays until the next one is there."""
    messages = await repository.messages_of(session, ticket.id)
    outcome = await repository.latest_outcome(session, ticket.result["id"]) if ticket.result else None
    return TicketResponse.model_validate(
        {
            **{name: getattr(ticket, name) for name in _SAME},
            "messages": [TicketMessage.model_validate(one, from_attributes=True) for one in messages],
            "outcome": None if outcome is None else outcome_response(outcome),
        }
    )


def ticket_summary(ticket: Ticket) -> TicketSummary:
    return TicketSummary.model_validate(ticket, from_attributes=True)


def outcome_response(outcome: TicketOutcome) -> OutcomeResponse:
    return OutcomeResponse.model_validate(outcome, from_attributes=True)
