"""What visitors do beside asking: look back, rate an answer, call for a person."""

from __future__ import annotations

import secrets

from app.answering.answer import Answer
from app.chat import repository
from app.chat.schemas import (
    EscalationRequest,
    EscalationResponse,
    FeedbackBody,
    HistoryMessage,
    HistoryResponse,
)
from app.conversations import repository as conversations
from app.conversations.plain_text import plain_text
from app.db import Database
from app.metrics import Metrics
from app.models.conversation import Message, StoredAnswer
from app.models.feedback import Feedback


class ChatService:
    """All of it is for the conversation's owner alone; for others it does not exist (NotFound)."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics

    async def history(self, owner: str, conversation_id: str) -> HistoryResponse:
        async with self._database.transaction() as session:
            conversation = await conversations.find_conversation(session, conversation_id, owner)
            messages = await repository.all_messages(session, conversation_id)
            answers = await conversations.answers_of(session, conversation_id)
            escalation = await repository.find_escalation(session, conversation_id)
        return HistoryResponse(
            id=conversation.id,
            created_at=conversation.created_at,
            escalated=escalation is not None,
            messages=[_message(message, answers) for message in messages],
        )

    async def rate(self, owner: str, answer_id: str, given: FeedbackBody) -> FeedbackBody:
        """Store a rating; an earlier one of the same answer is replaced."""
        comment = plain_text(given.comment)
        async with self._database.transaction() as session:
            await conversations.find_answer(session, answer_id, owner)
            await repository.store_rating(session, answer_id, given.rating, comment)
        self._metrics.feedback.labels(given.rating).inc()
        return FeedbackBody(rating=given.rating, comment=comment)

    async def unrate(self, owner: str, answer_id: str) -> None:
        async with self._database.transaction() as session:
            await conversations.find_answer(session, answer_id, owner)
            given = await session.get(Feedback, answer_id)
            if given is not None:
                await session.delete(given)

    async def escalate(
        self, owner: str, conversation_id: str, request: EscalationRequest
    ) -> tuple[EscalationResponse, bool]:
        """Store a call for a person with the transcript; whether it is the conversation's first.

        A further one brings the transcript up to date, and adds to what the visitor said.
        """
        history = await self.history(owner, conversation_id)
        transcript = [message.model_dump(mode="json", exclude={"answer"}) for message in history.messages]
        contact, message = plain_text(request.contact), plain_text(request.message)
        async with self._database.transaction() as session:
            new_id = f"esc_{secrets.token_hex(12)}"
            escalation, first = await repository.add_escalation(session, new_id, conversation_id)
            escalation.contact = contact or escalation.contact
            escalation.message = "\n\n".join(part for part in (escalation.message, message) if part)
            escalation.transcript = transcript
        if first:
            self._metrics.escalations.inc()
        return EscalationResponse(id=escalation.id, created_at=escalation.created_at), first


def _message(message: Message, answers: dict[str, tuple[StoredAnswer, str | None]]) -> HistoryMessage:
    stored, rating = answers.get(message.answer_id or "", (None, None))
    is_answer = stored is not None and message.role == "assistant"
    return HistoryMessage.model_validate(
        {
            "id": message.id,
            "role": message.role,
            "content": message.content,
            "created_at": message.created_at,
            "answer_id": message.answer_id,
            "answer": Answer.model_validate(stored.body) if stored is not None and is_answer else None,
            "rating": rating if is_answer else None,
        }
    )
