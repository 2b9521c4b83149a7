"""The job that answers a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.answering.answer import Answer, AnswerCitation, AnswerCompleted, AnswerDelta
from app.answering.answerer import Answerer, Asked, new_answer_id
from app.answering.trace import AnswerTrace
from app.conversations import repository as conversations
from app.db import Database
from app.errors import DocentError, IndexMismatch
from app.index.library import Library
from app.jobs.precedence import Precedence
from app.jobs.work import AGAIN, JobRun, Retry
from app.metrics import Metrics
from app.models.conversation import Message
from app.models.ticket import Ticket
from app.tickets import repository
from app.tickets.decisions import Standing, combine, handoff_summary, never_over_a_person, nothing_asked
from app.tickets.labels import suggested_labels
from app.tickets.reading import ReadTicket, answerable, read_ticket
from app.tickets.schemas import Mode, QuestionAnswer, TicketError, TicketResult
from app.tickets.text.questions import TicketQuestion

log = structlog.get_logger(__name__)

KIND = "ticket"
_ENGINE_TRIES = 3  # runs that are given back when the model is away; the next one takes what there is without it
_LABELLED = 500  # latest tickets whose labels are suggested
_WRITES = 5  # tries to store an answer while the ticket changes under it

# What has to be written together with the end of a ticket, in its transaction.
Finished = Callable[[AsyncSession, Ticket], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer with what is stored beside it."""

    asked: str
    answer: Answer
    shown: list[str | int]
    trace: AnswerTrace


class TicketAnswering:
    """Answers tickets one by one. on_finished: queues the callbacks."""

    def __init__(
        self, database: Database, answerer: Answerer, library: Library, precedence: Precedence, metrics: Metrics,
        on_finished: Finished,
    ) -> None:  # fmt: skip
        self._database = database
        self._answerer = answerer
        self._library = library
        self._precedence = precedence
        self._metrics = metrics
        self._on_finished = on_finished

    async def work(self, run: JobRun) -> None:
        """Answer the ticket `run.subject`, unless it is answered, cancelled or another job's."""
        async with self._database.transaction() as session:
            if not await repository.take_up(session, run.subject, run.id, failed=AGAIN in run.arguments):
                return
            ticket = await repository.find_ticket(session, run.subject)
            messages = await repository.messages_of(session, run.subject)
            answered_at = await repository.answered_at(session, ticket)
        # In a thread: 120 kB of HTML take more than a second, for which every chat would stop.
        read = await asyncio.to_thread(read_ticket, ticket, messages, answered_at)
        run.progress = {"questions": len(read.questions), "answered": 0}
        made: list[_Made] = []
        for question in read.questions:
            await self._precedence.after_chats()
            with self._precedence.ticket():
                try:
                    made.append(await self._answer(ticket, read, question))
                except IndexMismatch as error:  # until somebody indexes anew
                    raise Retry(error.detail) from error
            run.progress = {"questions": len(read.questions), "answered": len(made)}
        if run.run <= _ENGINE_TRIES and any("engine_unavailable" in one.answer.reasons for one in made):
            raise Retry("the model does not answer")
        result = await self._result(ticket, read, made)
        await self._store(run.id, ticket, read, result, made)

    async def give_up(self, ticket_id: str, job_id: str, error: DocentError) -> None:
        """The job failed for good: so has the ticket, and whoever waits for it is told."""
        shown = TicketError(kind=error.kind, detail=error.detail).model_dump()
        async with self._database.transaction() as session:
            if await repository.settle(session, ticket_id, job_id, "failed", error=shown):
                await self._on_finished(session, await repository.find_ticket(session, ticket_id))
                self._metrics.tickets.labels("failed", "none").inc()

    async def _answer(self, ticket: Ticket, read: ReadTicket, question: TicketQuestion) -> _Made:
        trace = AnswerTrace()
        trace.stages["ticket"] = {
            "ticket": ticket.id,
            "asked": question.asked,
            "terms": list(question.query_terms),
            "cut": list(read.cut),
        }
        asked = Asked(new_answer_id(), ticket.conversation_id, answerable(question), question.query_terms)
        shown: list[str | int] = []
        answer: Answer | None = None
        async with aclosing(self._answerer.answer(asked, read.history, trace)) as events:
            async for event in events:
                if isinstance(event, AnswerDelta):
                    shown.append(event.text)
                elif isinstance(event, AnswerCitation):
                    shown.append(event.citation.marker)
                elif isinstance(event, AnswerCompleted):
                    answer = event.answer
        if answer is None:
            raise RuntimeError("an answer ended without its last event")
        return _Made(question.asked, answer, shown, trace)

    async def _result(self, ticket: Ticket, read: ReadTicket, made: Sequence[_Made]) -> TicketResult:
        if made:
            answers = [QuestionAnswer(asked=one.asked, answer=one.answer) for one in made]
            result = combine(answers, ticket.version, read.person_asked)
        else:
            revision, release = await self._library.in_service()
            result = nothing_asked(new_answer_id(), ticket.conversation_id, ticket.version, revision.id, release)
        async with self._database.transaction() as session:
            known = await repository.known_labels(session, _LABELLED)
        labels = suggested_labels(f"{ticket.subject}\n{read.text}", result.citations, known, ticket.labels)
        summary = None
        if result.decision == "escalate":
            summary = handoff_summary(result, ticket.subject, ticket.product_version, read.terms)
        return result.model_copy(update={"suggested_labels": labels, "handoff_summary": summary})

    async def _store(
        self, job_id: str, ticket: Ticket, read: ReadTicket, result: TicketResult, made: Sequence[_Made]
    ) -> None:
        """Answer, decision, callbacks: all or nothing, and by this job alone.

        The ticket is written only as it was read just before: who changes it meanwhile is seen, and the decision is
        made anew. That another job or a cancellation came first ends it.
        """
        for _ in range(_WRITES):
            async with self._database.transaction() as session:
                now = await repository.find_ticket(session, ticket.id)
                changed = read.team_spoke or now.version != ticket.version
                standing = Standing(_mode(now.mode), bool(now.assignee), changed)
                decided = never_over_a_person(result, standing)
                state = "escalated" if decided.decision == "escalate" else "answered"
                stored = await repository.settle(
                    session, ticket.id, job_id, state, if_version=now.version, decision=decided.decision,
                    confidence=decided.confidence, result=decided.model_dump(mode="json"), error=None,
                )  # fmt: skip
                if stored:
                    await self._store_answers(session, ticket, read, decided, made)
                    await self._on_finished(session, await repository.find_ticket(session, ticket.id))
            if stored:
                self._metrics.tickets.labels(state, decided.decision).inc()
                return
            if now.job_id != job_id or now.state not in repository.OPEN_STATES:
                log.info("ticket.superseded", ticket=ticket.id, state=now.state)
                return
        raise Retry("the ticket changes again and again")

    async def _store_answers(
        self, session: AsyncSession, ticket: Ticket, read: ReadTicket, result: TicketResult, made: Sequence[_Made]
    ) -> None:
        """What was asked and answered, in the ticket's conversation, and how each answer came about."""
        question = Message(
            conversation_id=ticket.conversation_id, role="user", content=read.text or read.subject, answer_id=result.id
        )
        await conversations.add_message(session, question)
        await session.flush()
        answer = Message(
            conversation_id=ticket.conversation_id, role="assistant", content=result.text, answer_id=result.id
        )
        await conversations.add_message(session, answer)
        for one in made:
            conversations.add_answer(session, one.answer, one.shown, one.trace.stages)


def _mode(stored: str) -> Mode:
    return "auto" if stored == "auto" else "draft"
