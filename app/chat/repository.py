"""SQL of conversations, answers and traces."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.answering.answer import Answer
from app.db import Database
from app.errors import NotFound
from app.models.conversation import Conversation, Message, StoredAnswer, Trace


async def conversation_exists(session: AsyncSession, conversation_id: str) -> bool:
    return await session.get(Conversation, conversation_id) is not None


async def add_conversation(session: AsyncSession) -> str:
    conversation = Conversation(id=f"conv_{secrets.token_hex(12)}")
    session.add(conversation)
    await session.flush()
    return conversation.id


async def recent_messages(session: AsyncSession, conversation_id: str, limit: int) -> Sequence[Message]:
    """The last `limit` messages, oldest first."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.position.desc(), Message.created_at.desc())
        .limit(limit)
    )
    return list(reversed((await session.scalars(query)).all()))


async def add_message(session: AsyncSession, conversation_id: str, role: str, content: str) -> None:
    last = select(func.coalesce(func.max(Message.position), 0)).where(Message.conversation_id == conversation_id)
    position = (await session.execute(last)).scalar_one() + 1
    session.add(
        Message(
            id=f"msg_{secrets.token_hex(12)}",
            conversation_id=conversation_id,
            position=position,
            role=role,
            content=content,
        )
    )


def add_answer(session: AsyncSession, answer: Answer, stages: dict[str, Any]) -> None:
    session.add(
        StoredAnswer(
            id=answer.id,
            conversation_id=answer.conversation_id,
            decision=answer.decision,
            confidence=answer.confidence,
            index_revision=answer.index_revision,
            model=answer.model,
            body=answer.model_dump(mode="json"),
        )
    )
    session.add(Trace(answer_id=answer.id, stages=stages))


async def find_answer(session: AsyncSession, answer_id: str) -> tuple[StoredAnswer, Trace] | None:
    stored, trace = await session.get(StoredAnswer, answer_id), await session.get(Trace, answer_id)
    return None if stored is None or trace is None else (stored, trace)


async def read_trace(database: Database, answer_id: str) -> dict[str, Any]:
    """Answer and trace as JSON values. Raises NotFound."""
    async with database.transaction() as session:
        found = await find_answer(session, answer_id)
    if found is None:
        raise NotFound(f"there is no answer {answer_id}")
    return {"answer": found[0].body, "stages": found[1].stages}
