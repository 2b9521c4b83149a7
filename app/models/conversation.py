"""Conversations, their messages, the answers given and the trace of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Conversation(Base):
    """owner: who began it, as app.auth.principal names it; nobody else reads it or adds to it."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    site_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Message(Base):
    """One turn. The user's is stored before the answer is begun, so that no question is lost.

    answer_id: of the answer to it, or that it is. client_id: the client's own id behind the owner's, against repeats.
    """

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation", "conversation_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str]
    content: Mapped[str]
    answer_id: Mapped[str | None] = mapped_column(index=True)
    client_id: Mapped[str | None] = mapped_column(index=True, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class StoredAnswer(Base):
    """The answer exactly as it left (`body` is the JSON of the contract).

    stream: what its stream showed, in order: the text of a delta, or the marker of a citation.
    """

    __tablename__ = "answers"

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    decision: Mapped[str]
    confidence: Mapped[float]
    index_revision: Mapped[str]
    model: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    stream: Mapped[list[str | int]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)


class Trace(Base):
    """How an answer came about, stage by stage."""

    __tablename__ = "traces"

    answer_id: Mapped[str] = mapped_column(ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True)
    stages: Mapped[dict[str, Any]] = mapped_column(Json)
