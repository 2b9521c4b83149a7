"""Conversations: store the question, have it answered, store the answer. No session is open while a model streams."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.answering.answer import Answer, AnswerCompleted, AnswerStarted
from app.answering.answerer import Answerer, Asked, new_answer_id
from app.answering.prompt import Turn
from app.answering.trace import AnswerTrace
from app.auth.principal import Principal
from app.config import Settings
from app.conversations import repository
from app.conversations.admission import Admission, Ticket
from app.conversations.plain_text import plain_text
from app.conversations.stream import AnswerStream, restored
from app.db import Database
from app.errors import DocentError, InvalidInput
from app.jobs.precedence import Precedence
from app.metrics import Metrics
from app.models.conversation import Message

log = structlog.get_logger(__name__)

_FORGET_SECONDS = 60  # how long a failed or stopped answer can still be read; a stored one always can
_CLIENT_ID = re.compile(r"[\w-]{8,64}", re.ASCII)


class RepeatedMessage(DocentError):
    status = 409
    kind = "repeated-message"
    title = "This message was sent before"

    def __init__(self, answer_id: str) -> None:
        super().__init__(f"its answer is {answer_id}: read it at /api/v1/chat/answers/{answer_id}/events")
        self.members = {"answer_id": answer_id}


class AnswerStopped(DocentError):
    status = 409
    kind = "stopped"
    title = "The answer was stopped"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """What a client sends. history: earlier turns where the client keeps them; None: those of the conversation.

    surface: where it came from, for the metrics: widget, api, cli, openai.
    """

    text: str
    surface: str
    conversation_id: str | None = None
    message_id: str | None = None
    history: Sequence[Turn] | None = None


@dataclass(slots=True)
class _Work:
    """An answer in the making."""

    stream: AnswerStream
    asked: Asked
    history: Sequence[Turn]
    surface: str
    ticket: Ticket
    accepted_at: float = field(default_factory=time.perf_counter)


class Conversations:
    """Answers are made by tasks of their own: who asks reads a stream, and may leave and come back."""

    def __init__(
        self, settings: Settings, database: Database, answerer: Answerer, metrics: Metrics, precedence: Precedence
    ) -> None:
        self._settings = settings
        self._database = database
        self._answerer = answerer
        self._metrics = metrics
        self._precedence = precedence
        self._admission = Admission(settings.server.max_concurrent_answers, settings.server.max_waiting_answers)
        self._running: dict[str, tuple[AnswerStream, asyncio.Task[None]]] = {}
        self._stopping: set[asyncio.Future[None]] = set()

    async def ask(self, principal: Principal, question: NewQuestion) -> AnswerStream:
        """Store the question and begin its answer.

        Raises InvalidInput, NotFound (conversation), RepeatedMessage or Overloaded; then nothing is stored.
        """
        text = self._checked(question)
        ticket = self._admission.reserve()
        with ExitStack() as undo:
            undo.callback(ticket.give_back)
            asked, history = await self._store_question(principal, question, text)
            undo.pop_all()
        stream = AnswerStream(asked.answer_id, asked.conversation_id, principal.owner, on_left=self._left)
        stream.add(AnswerStarted(id=asked.answer_id, conversation_id=asked.conversation_id, question=text))
        work = _Work(stream, asked, history, question.surface, ticket)
        task = asyncio.create_task(self._make(work), name=asked.answer_id)
        self._running[stream.answer_id] = (stream, task)
        task.add_done_callback(lambda done: self._made(stream, done))
        return stream

    async def answer(self, principal: Principal, question: NewQuestion) -> Answer:
        """The whole answer at once. Raises what `ask` raises, and why there is no answer."""
        stream = await self.ask(principal, question)
        async with aclosing(stream.after(0)) as events:
            async for _ in events:
                pass
        if stream.answer is None:
            raise stream.error or AnswerStopped("the service was stopped before the answer was there: ask again")
        return stream.answer

    async def find(self, owner: str, answer_id: str) -> AnswerStream:
        """The stream of an answer that is being made, or was. Raises NotFound."""
        running = self._running.get(answer_id)
        if running is not None and running[0].owner == owner:
            return running[0]
        async with self._database.transaction() as session:
            stored = await repository.find_answer(session, answer_id, owner)
        return restored(Answer.model_validate(stored.body), owner, stored.stream)

    async def stop(self, owner: str, answer_id: str) -> None:
        """End an answer where it is; what was shown is kept. Nothing happens to a finished one. Raises NotFound."""
        await self._stop(await self.find(owner, answer_id), "it was stopped as you wished")

    async def close(self) -> None:
        """End all answers: streams with readers were waited for before."""
        for stream, _ in list(self._running.values()):
            await self._stop(stream, "the service was stopped before the answer was there: ask again")

    def _checked(self, question: NewQuestion) -> str:
        text = plain_text(question.text)
        limit = self._settings.answering.question_chars
        if not text:
            raise InvalidInput("the question is empty: write what you want to know")
        if len(text) > limit:
            raise InvalidInput(f"the question has {len(text)} characters, {limit} are taken: shorten it")
        if question.message_id is not None and not _CLIENT_ID.fullmatch(question.message_id):
            raise InvalidInput("message_id has 8 to 64 letters, digits, - and _: a random UUID will do")
        return text

    async def _store_question(
        self, principal: Principal, question: NewQuestion, text: str
    ) -> tuple[Asked, Sequence[Turn]]:
        owner = principal.owner
        client_id = f"{owner}/{question.message_id}" if question.message_id else None
        answer_id = new_answer_id()
        message = Message(role="user", content=text, answer_id=answer_id, client_id=client_id)
        history: Sequence[Turn] = question.history or ()
        try:
            async with self._database.transaction() as session:
                conversation_id = question.conversation_id
                if conversation_id is None:
                    conversation_id = repository.begin_conversation(session, owner, principal.site, message)
                else:
                    await repository.find_conversation(session, conversation_id, owner)
                    if question.history is None:
                        history = await self._earlier(session, conversation_id)
                    message.conversation_id = conversation_id
                    await repository.add_message(session, message)
        except IntegrityError as error:  # the database itself refuses a message_id that it has
            raise await self._repeated(client_id) from error
        return Asked(answer_id, conversation_id, text), history

    async def _repeated(self, client_id: str | None) -> DocentError:
        async with self._database.transaction() as session:
            earlier = await repository.message_of_client(session, client_id) if client_id else None
        if earlier is not None:
            return RepeatedMessage(earlier.answer_id or "")
        return InvalidInput("the conversation is gone: leave conversation_id out to begin a new one")

    async def _earlier(self, session: AsyncSession, conversation_id: str) -> list[Turn]:
        limit = self._settings.answering.history_messages
        messages = await repository.recent_messages(session, conversation_id, limit)
        return [Turn("user" if one.role == "user" else "assistant", one.content) for one in messages if one.content]

    async def _make(self, work: _Work) -> None:
        trace = AnswerTrace()
        stream, metrics = work.stream, self._metrics
        first_words = ExitStack()
        with metrics.running.track_inprogress(), first_words:
            first_words.enter_context(self._precedence.chat())
            async with work.ticket.turn():
                metrics.queue_seconds.observe(time.perf_counter() - work.accepted_at)
                async with aclosing(self._answerer.answer(work.asked, work.history, trace)) as events:
                    async for event in events:
                        first_words.close()
                        if isinstance(event, AnswerCompleted):
                            stream.storing = True  # from here on it is not stopped any more
                            await self._store(event.answer, stream.shown, trace)
                            self._observe(event.answer, work.surface)
                        stream.add(event)

    def _made(self, stream: AnswerStream, task: asyncio.Task[None]) -> None:
        """A task is done: whatever ended it, its readers hear of it."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, DocentError):
            log.warning("answer.failed", answer=stream.answer_id, kind=error.kind, detail=error.detail)
            stream.fail(error)
        elif error is not None:
            log.error("answer.crashed", answer=stream.answer_id, exc_info=error)
            stream.fail(DocentError("something went wrong here; the log has it under this answer's id"))
        if stream.answer is not None:
            self._running.pop(stream.answer_id, None)
            return
        self._metrics.failures.labels(stream.error.kind if stream.error else AnswerStopped.kind).inc()
        asyncio.get_running_loop().call_later(_FORGET_SECONDS, self._running.pop, stream.answer_id, None)

    def _left(self, stream: AnswerStream) -> None:
        """Nobody reads any more: wait for somebody to come back."""
        visits = stream.visits

        def give_up() -> None:
            if stream.visits == visits and not stream.ended:
                stopping = asyncio.ensure_future(self._stop(stream, "nobody was there to read it"))
                self._stopping.add(stopping)
                stopping.add_done_callback(self._stopping.discard)

        asyncio.get_running_loop().call_later(self._settings.server.resume_seconds, give_up)

    async def _stop(self, stream: AnswerStream, why: str) -> None:
        running = self._running.get(stream.answer_id)
        if running is None:
            return
        if not stream.storing and not stream.ended:
            running[1].cancel()
        await asyncio.wait({running[1]})
        if stream.ended:
            return
        text = stream.unmarked_text
        stream.fail(AnswerStopped(f"the answer was stopped: {why}"))
        message = Message(
            conversation_id=stream.conversation_id, role="assistant", content=text, answer_id=stream.answer_id
        )
        async with self._database.transaction() as session:
            await repository.add_message(session, message)

    async def _store(self, answer: Answer, shown: list[str | int], trace: AnswerTrace) -> None:
        message = Message(
            conversation_id=answer.conversation_id, role="assistant", content=answer.text, answer_id=answer.id
        )
        async with self._database.transaction() as session:
            await repository.add_message(session, message)
            repository.add_answer(session, answer, shown, trace.stages)

    def _observe(self, answer: Answer, surface: str) -> None:
        metrics, timings = self._metrics, answer.timings_ms
        metrics.answers.labels(surface, answer.decision, answer.kind).inc()
        for reason in answer.reasons:
            metrics.reasons.labels(reason).inc()
        metrics.tokens.labels("prompt").inc(answer.usage.prompt_tokens)
        metrics.tokens.labels("completion").inc(answer.usage.completion_tokens)
        metrics.retrieval_seconds.observe(timings.retrieve / 1000)
        metrics.answer_seconds.observe(timings.total / 1000)
        if timings.first_token:
            metrics.first_token_seconds.observe(timings.first_token / 1000)
        if timings.first_sentence:
            metrics.first_sentence_seconds.observe(timings.first_sentence / 1000)
