"""Callbacks: what is to be delivered, every attempt at it, and the secrets they are signed with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now


class Callback(Base):
    """id: the message's, the same at every attempt. state: pending, delivered, failed.

    body: the JSON that is sent and signed, as it left the first time. first_at: when it was first tried; the retries
    are counted from there.
    """

    __tablename__ = "callbacks"

    id: Mapped[str] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    event: Mapped[str]
    url: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending", index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    first_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CallbackAttempt(Base):
    """The delivery log."""

    __tablename__ = "callback_attempts"

    callback_id: Mapped[str] = mapped_column(ForeignKey("callbacks.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int]
    status: Mapped[int | None]
    failure: Mapped[str | None]
    excerpt: Mapped[str]


class CallbackSecret(Base):
    """The one row of secrets that callbacks are signed with: they are kept as they are, for they have to sign."""

    __tablename__ = "callback_secrets"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    current: Mapped[str]
    previous: Mapped[str | None]
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rotated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
