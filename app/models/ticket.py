"""Tickets, their messages, what became of their answers, and the keys that make repeats harmless."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Ticket(Base):
    """version: goes up with whatever a person or the ticket system does; an answer is of one version.

    request_hash: of the body that made it, against another one under the same external id. result: the decision as
    it left. origin: where an adapter finds it again.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        Index("ix_tickets_created", "created_at", "id"),
        Index("ix_tickets_state", "state", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str | None]
    channel: Mapped[str]
    owner: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    version: Mapped[int] = mapped_column(default=1)
    mode: Mapped[str]
    subject: Mapped[str]
    requester: Mapped[str]
    assignee: Mapped[str]
    labels: Mapped[list[str]] = mapped_column(Json)
    product_version: Mapped[str]
    locale: Mapped[str]
    attachments: Mapped[list[str]] = mapped_column(Json)
    callback_url: Mapped[str | None]
    origin: Mapped[dict[str, Any] | None] = mapped_column(Json)
    request_hash: Mapped[str]
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    job_id: Mapped[str | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    decision: Mapped[str | None]
    confidence: Mapped[float | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TicketMessage(Base):
    """What was said in a ticket, as it came. client_id: the ticket system's own, against repeats."""

    __tablename__ = "ticket_messages"
    __table_args__ = (UniqueConstraint("ticket_id", "client_id"),)

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    role: Mapped[str]
    body: Mapped[str]
    format: Mapped[str]
    client_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class TicketOutcome(Base):
    """What a person made of an answer; the last word counts."""

    __tablename__ = "ticket_outcomes"

    answer_id: Mapped[str] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    outcome: Mapped[str]
    text: Mapped[str | None]
    by: Mapped[str]
    edit_distance: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class IdempotencyKey(Base):
    """A key that a client sent, with the ticket it made."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
