"""SQL of tickets."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import utc_now
from app.errors import InvalidInput, NotFound
from app.models.conversation import Message
from app.models.ticket import IdempotencyKey, Ticket, TicketMessage, TicketOutcome
from app.tickets.schemas import TicketQuery

OPEN_STATES = ("queued", "answering")
_FOREIGN_CURSOR = "the cursor is none of ours: send `next_cursor` of the page before, or none"


def new_ticket_id() -> str:
    return f"tkt_{secrets.token_hex(12)}"


async def find_ticket(session: AsyncSession, ticket_id: str) -> Ticket:
    """Raises NotFound."""
    ticket = await session.get(Ticket, ticket_id, populate_existing=True)
    if ticket is None:
        raise NotFound(f"there is no ticket {ticket_id}")
    return ticket


async def find_external(session: AsyncSession, channel: str, external_id: str) -> Ticket | None:
    query = select(Ticket).where(Ticket.channel == channel, Ticket.external_id == external_id)
    return (await session.scalars(query)).one_or_none()


async def write_if_version(session: AsyncSession, ticket: Ticket, **values: object) -> bool:
    """Write `values` with the next version, unless somebody was faster; `ticket` is then as it was read."""
    statement = (
        update(Ticket)
        .where(Ticket.id == ticket.id, Ticket.version == ticket.version)
        .values(version=ticket.version + 1, updated_at=utc_now(), **values)
    )
    return await _one(session, statement)


async def take_up(session: AsyncSession, ticket_id: str, job_id: str, *, failed: bool) -> bool:
    """A job begins to answer; False where the ticket is another job's, is answered, or was cancelled.

    failed: whether one that had failed is taken up once more.
    """
    states = (*OPEN_STATES, "failed") if failed else OPEN_STATES
    statement = (
        update(Ticket)
        .where(Ticket.id == ticket_id, Ticket.job_id == job_id, Ticket.state.in_(states))
        .values(state="answering", error=None, finished_at=None)
    )
    return await _one(session, statement)


async def settle(
    session: AsyncSession, ticket_id: str, job_id: str, state: str, *, if_version: int | None = None, **values: object
) -> bool:
    """A job ends with a ticket; False where it is no longer the job's: then nothing is to be stored with it.

    if_version: only while the ticket has this version.
    """
    now = utc_now()
    statement = (
        update(Ticket)
        .where(Ticket.id == ticket_id, Ticket.job_id == job_id, Ticket.state.in_(OPEN_STATES))
        .values(state=state, finished_at=now, updated_at=now, **values)
    )
    if if_version is not None:
        statement = statement.where(Ticket.version == if_version)
    return await _one(session, statement)


async def _one(session: AsyncSession, statement: object) -> bool:
    done = await session.execute(statement.execution_options(synchronize_session=False))  # type: ignore[attr-defined]
    assert isinstance(done, CursorResult)  # noqa: S101  (an UPDATE's)
    return done.rowcount == 1


async def messages_of(session: AsyncSession, ticket_id: str) -> Sequence[TicketMessage]:
    """Oldest first."""
    query = select(TicketMessage).where(TicketMessage.ticket_id == ticket_id).order_by(TicketMessage.position)
    return (await session.scalars(query)).all()


async def answered_at(session: AsyncSession, ticket: Ticket) -> datetime | None:
    """When the ticket's latest answer was stored; None where it has none."""
    latest = select(func.max(Message.created_at)).where(
        Message.conversation_id == ticket.conversation_id, Message.role == "assistant"
    )
    return (await session.execute(latest)).scalar_one()


async def next_position(session: AsyncSession, ticket_id: str) -> int:
    last = select(func.coalesce(func.max(TicketMessage.position), 0)).where(TicketMessage.ticket_id == ticket_id)
    return (await session.execute(last)).scalar_one() + 1


async def message_of_client(session: AsyncSession, ticket_id: str, client_id: str) -> TicketMessage | None:
    query = select(TicketMessage).where(TicketMessage.ticket_id == ticket_id, TicketMessage.client_id == client_id)
    return (await session.scalars(query)).one_or_none()


async def latest_outcome(session: AsyncSession, answer_id: str) -> TicketOutcome | None:
    return await session.get(TicketOutcome, answer_id)


async def forget_keys(session: AsyncSession, before: datetime) -> None:
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < before))


async def known_labels(session: AsyncSession, limit: int) -> list[str]:
    """Labels of the latest `limit` tickets that bear any, the most frequent first."""
    latest = select(Ticket.labels).order_by(Ticket.created_at.desc()).limit(limit)
    counts: dict[str, int] = {}
    for labels in await session.scalars(latest):
        for label in labels:
            counts[label] = counts.get(label, 0) + 1
    return sorted(counts, key=lambda label: (-counts[label], label))


async def list_tickets(session: AsyncSession, wanted: TicketQuery) -> tuple[Sequence[Ticket], str | None]:
    """The newest first, and the cursor of the next page. Raises InvalidInput for a cursor that is none of ours."""
    query = select(Ticket).order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(wanted.limit + 1)
    for name in ("state", "channel", "decision", "external_id", "requester", "assignee"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(Ticket, name) == value)
    if wanted.created_after is not None:
        query = query.where(Ticket.created_at >= wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(Ticket.created_at < wanted.created_before)
    if wanted.cursor:
        at, ticket_id = _read_cursor(wanted.cursor)
        query = query.where(or_(Ticket.created_at < at, and_(Ticket.created_at == at, Ticket.id < ticket_id)))
    found = (await session.scalars(query)).all()
    page = found[: wanted.limit]
    return page, _cursor(page[-1]) if len(found) > wanted.limit else None


def _cursor(ticket: Ticket) -> str:
    return base64.urlsafe_b64encode(f"{ticket.created_at.isoformat()} {ticket.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, ticket_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(" ")
        moment = datetime.fromisoformat(at)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidInput(_FOREIGN_CURSOR) from error
    if moment.tzinfo is None or "\0" in ticket_id:
        raise InvalidInput(_FOREIGN_CURSOR)
    return in_utc, ticket_id
