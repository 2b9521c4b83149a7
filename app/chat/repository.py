"""SQL of feedback and escalations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.models.conversation import Message, StoredAnswer
from app.models.feedback import Escalation, Feedback


async def all_messages(session: AsyncSession, conversation_id: str) -> Sequence[Message]:
    query = select(Message).where(Message.conversation_id == conversation_id)
    return (await session.scalars(query.order_by(Message.position, Message.created_at))).all()


async def find_escalation(session: AsyncSession, conversation_id: str) -> Escalation | None:
    return (await session.scalars(select(Escalation).where(Escalation.conversation_id == conversation_id))).first()


async def read_escalations(database: Database) -> list[dict[str, Any]]:
    """All calls for a person as JSON values, newest first."""
    async with database.transaction() as session:
        found = (await session.scalars(select(Escalation).order_by(Escalation.created_at.desc()))).all()
    return [
        {
            "id": one.id,
            "conversation_id": one.conversation_id,
            "created_at": one.created_at.isoformat(),
            "contact": one.contact,
            "message": one.message,
            "transcript": one.transcript,
        }
        for one in found
    ]


async def read_feedback(database: Database) -> list[dict[str, Any]]:
    """All ratings as JSON values with question and decision of the answer, newest first."""
    query = select(Feedback, StoredAnswer).join(StoredAnswer, StoredAnswer.id == Feedback.answer_id)
    async with database.transaction() as session:
        found = (await session.execute(query.order_by(Feedback.updated_at.desc()))).all()
    return [
        {
            "answer_id": feedback.answer_id,
            "rating": feedback.rating,
            "comment": feedback.comment,
            "updated_at": feedback.updated_at.isoformat(),
            "question": answer.body["question"],
            "decision": answer.decision,
        }
        for feedback, answer in found
    ]
