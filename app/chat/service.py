"""Conversations: store the question, have it answered, store the answer. No session is open while a model streams."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.answering.answer import Answer, AnswerCompleted, AnswerStarted, Event
from app.answering.answerer import Answerer, Asked, new_answer_id
from app.answering.prompt import Turn
from app.answering.trace import AnswerTrace
from app.chat import repository
from app.config import Settings
from app.db import Database
from app.errors import InvalidInput, NotFound, Overloaded

_RETRY_AFTER = 5  # seconds: about the time of one answer of the embedded engine on two cores


# PostgreSQL stores no NUL, and nothing of these is part of a question; line breaks and tabs are.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Admission:
    """Bounds the answers at work and those waiting; one question more is refused at once."""

    def __init__(self, working: int, waiting: int) -> None:
        self._places = asyncio.Semaphore(working)
        self._room = working + waiting

    def reserve(self) -> Ticket:
        """Take a place in the queue. Raises Overloaded when it is full."""
        if self._room <= 0:
            raise Overloaded(
                f"too many questions at once: try again in {_RETRY_AFTER} seconds", retry_after=_RETRY_AFTER
            )
        self._room -= 1
        return Ticket(self)

    def _leave(self) -> None:
        self._room += 1

    @property
    def places(self) -> asyncio.Semaphore:
        return self._places


class Ticket:
    """A place in the queue; given back once, whatever happens: also when its stream is never begun."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a free place, and give everything back at the end."""
        if self._admission is None:
            raise RuntimeError("this ticket was used before")
        try:
            async with self._admission.places:
                yield
        finally:
            self.give_back()

    def __del__(self) -> None:
        self.give_back()

    def give_back(self) -> None:
        if self._admission is not None:
            self._admission._leave()  # noqa: SLF001  (two halves of one idea)
            self._admission = None


@dataclass(frozen=True, slots=True)
class AcceptedQuestion:
    """A stored question with its place in the queue."""

    asked: Asked
    history: list[Turn]
    ticket: Ticket


class ChatService:
    def __init__(self, settings: Settings, database: Database, answerer: Answerer) -> None:
        self._settings = settings
        self._database = database
        self._answerer = answerer
        self._admission = Admission(settings.server.max_concurrent_answers, settings.server.max_waiting_answers)

    async def accept(self, question: str, conversation_id: str | None) -> AcceptedQuestion:
        """Store the question. Raises InvalidInput, NotFound (conversation) or Overloaded; then nothing is stored."""
        text = _CONTROL.sub(" ", question).strip()
        limit = self._settings.answering.question_chars
        if not text:
            raise InvalidInput("the question is empty: write what you want to know")
        if len(text) > limit:
            raise InvalidInput(f"the question has {len(text)} characters, {limit} are taken: shorten it")
        ticket = self._admission.reserve()
        try:
            async with self._database.transaction() as session:
                conversation_id = await _conversation(session, conversation_id)
                limit = self._settings.answering.history_messages
                earlier = await repository.recent_messages(session, conversation_id, limit)
                await repository.add_message(session, conversation_id, "user", text)
        except BaseException:  # whatever ends this, a cancellation included, the place in the queue is given back
            ticket.give_back()
            raise
        history = [Turn("user" if message.role == "user" else "assistant", message.content) for message in earlier]
        return AcceptedQuestion(Asked(new_answer_id(), conversation_id, text), history, ticket)

    async def events(self, accepted: AcceptedQuestion) -> AsyncGenerator[Event]:
        """The events of one answer, `answer.started` to `answer.completed`; it is stored before the last one."""
        asked, trace = accepted.asked, AnswerTrace()
        yield AnswerStarted(id=asked.answer_id, conversation_id=asked.conversation_id, question=asked.question)
        answering = self._answerer.answer(asked, accepted.history, trace)
        async with accepted.ticket.turn(), aclosing(answering) as events:
            async for event in events:
                if isinstance(event, AnswerCompleted):
                    await self._store(event.answer, trace)
                yield event

    async def answer(self, question: str, conversation_id: str | None) -> Answer:
        """The whole answer at once."""
        accepted = await self.accept(question, conversation_id)
        async with aclosing(self.events(accepted)) as events:
            async for event in events:
                if isinstance(event, AnswerCompleted):
                    return event.answer
        raise RuntimeError("an answer ended without its last event")

    async def _store(self, answer: Answer, trace: AnswerTrace) -> None:
        async with self._database.transaction() as session:
            await repository.add_message(session, answer.conversation_id, "assistant", answer.text)
            repository.add_answer(session, answer, trace.stages)


async def _conversation(session: AsyncSession, conversation_id: str | None) -> str:
    """The conversation itself, or a new one. Raises NotFound."""
    if conversation_id is None:
        return await repository.add_conversation(session)
    if not await repository.conversation_exists(session, conversation_id):
        raise NotFound("there is no such conversation: leave conversation_id out to begin a new one")
    return conversation_id
