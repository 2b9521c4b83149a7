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
from app.models.feedback import Feedback


async def find_conversation(session: AsyncSession, conversation_id: str, owner: str) -> Conversation:
    """Raises NotFound, for the conversations of others as for none."""
    found = await session.get(Conversation, conversation_id)
    if found is None or found.owner != owner:
        raise NotFound("there is no such conversation: leave conversation_id out to begin a new one")
    return found


async def recent_messages(session: AsyncSession, conversation_id: str, limit: int) -> Sequence[Message]:
    """The last `limit` messages, oldest first."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.position.desc(), Message.created_at.desc())
        .limit(limit)
    )
    return list(reversed((await session.scalars(query)).all()))


def begin_conversation(session: AsyncSession, owner: str, site_id: str | None, message: Message) -> str:
    """Store a new conversation with its first message; the conversation's id."""
    conversation = Conversation(id=f"conv_{secrets.token_hex(12)}", owner=owner, site_id=site_id)
    message.id, message.position, message.conversation_id = _message_id(), 1, conversation.id
    session.add_all((conversation, message))
    return conversation.id


async def add_message(session: AsyncSession, message: Message) -> None:
    """Store `message` as the last one of its conversation."""
    places = select(func.coalesce(func.max(Message.position), 0))
    last = places.where(Message.conversation_id == message.conversation_id)
    message.id, message.position = _message_id(), (await session.execute(last)).scalar_one() + 1
    session.add(message)


def _message_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


async def message_of_client(session: AsyncSession, client_id: str) -> Message | None:
    return (await session.scalars(select(Message).where(Message.client_id == client_id))).first()


def add_answer(session: AsyncSession, answer: Answer, shown: list[str | int], stages: dict[str, Any]) -> None:
    session.add(
        StoredAnswer(
            id=answer.id,
            conversation_id=answer.conversation_id,
            decision=answer.decision,
            confidence=answer.confidence,
            index_revision=answer.index_revision,
            model=answer.model,
            body=answer.model_dump(mode="json"),
            stream=shown,
        )
    )
    session.add(Trace(answer_id=answer.id, stages=stages))


async def find_answer(session: AsyncSession, answer_id: str, owner: str) -> StoredAnswer:
    """Raises NotFound, for the answers of others as for none."""
    query = select(StoredAnswer).join(Conversation).where(StoredAnswer.id == answer_id, Conversation.owner == owner)
    found = (await session.scalars(query)).first()
    if found is None:
        raise NotFound("there is no such answer")
    return found


async def answers_of(session: AsyncSession, conversation_id: str) -> dict[str, tuple[StoredAnswer, str | None]]:
    """The answers of a conversation by id, each with its rating."""
    query = (
        select(StoredAnswer, Feedback.rating)
        .outerjoin(Feedback, Feedback.answer_id == StoredAnswer.id)
        .where(StoredAnswer.conversation_id == conversation_id)
    )
    return {answer.id: (answer, rating) for answer, rating in (await session.execute(query)).all()}


async def read_trace(database: Database, answer_id: str) -> dict[str, Any]:
    """Answer and trace as JSON values. Raises NotFound."""
    async with database.transaction() as session:
        stored, trace = await session.get(StoredAnswer, answer_id), await session.get(Trace, answer_id)
    if stored is None or trace is None:
        raise NotFound(f"there is no answer {answer_id}")
    return {"answer": stored.body, "stages": trace.stages}
