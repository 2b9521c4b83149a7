"""SQL of feedback and escalations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database, utc_now
from app.models.conversation import Message, StoredAnswer
from app.models.feedback import Escalation, Feedback


async def all_messages(session: AsyncSession, conversation_id: str) -> Sequence[Message]:
    query = select(Message).where(Message.conversation_id == conversation_id)
    return (await session.scalars(query.order_by(Message.position, Message.created_at))).all()


async def store_rating(session: AsyncSession, answer_id: str, rating: str, comment: str) -> None:
    """Replaces an earlier one, also one that comes at the same time."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    given = {"rating": rating, "comment": comment, "updated_at": utc_now()}
    row = insert(Feedback).values(answer_id=answer_id, **given)
    await session.execute(row.on_conflict_do_update(index_elements=[Feedback.answer_id], set_=given))


async def add_escalation(session: AsyncSession, escalation_id: str, conversation_id: str) -> tuple[Escalation, bool]:
    """The conversation's escalation, and whether it is new and empty. Others at the same time wait for this one."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = insert(Escalation).values(
        id=escalation_id, conversation_id=conversation_id, contact="", message="", transcript=[]
    )
    row = row.on_conflict_do_nothing(index_elements=[Escalation.conversation_id])
    added = await session.scalar(row.returning(Escalation.id))
    query = select(Escalation).where(Escalation.conversation_id == conversation_id)
    return (await session.scalars(query.with_for_update())).one(), added is not None


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
