"""Durable jobs as the service's own database knows them; DBOS runs them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Job(Base):
    """One piece of long work. The row is committed with what asks for it, and handed to DBOS after.

    subject: what it is about: a ticket, a delivery. state: queued, running, succeeded, failed, cancelled.
    run: number of its present or next run: a result of an earlier one counts for nothing. starts: how often its work
    was begun, the begins that a crash cut short included. due_at: not before. beat_at: last sign of life of a run.
    enqueued: whether this run was handed to DBOS. reason: why the last run did not do.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state", "due_at"), Index("ix_jobs_created", "created_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    arguments: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(default="queued")
    run: Mapped[int] = mapped_column(default=1)
    starts: Mapped[int] = mapped_column(default=0)
    enqueued: Mapped[bool] = mapped_column(default=False)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    beat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    reason: Mapped[str] = mapped_column(default="")
    error: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
