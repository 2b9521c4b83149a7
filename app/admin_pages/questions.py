"""Recent answers, and how each came about: the SQL that reads them, and their pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import Response
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.admin_pages.filters import OfDecision
from app.admin_pages.rendering import page, router
from app.answering.answer import Decision
from app.errors import NotFound
from app.models.conversation import Conversation, StoredAnswer, Trace
from app.models.feedback import Feedback

pages = router()
DECISIONS: tuple[Decision, ...] = ("reply", "draft", "escalate")
_SHOWN = 50
AnswerId = Annotated[str, Query(pattern=r"^ans_[0-9a-z]{1,60}$")]
# Who asked, by the first part of the conversation's owner (see app.auth.principal and app.tickets).
_ASKERS = {"session": "visitor", "key": "API key", "local": "command line", "adapter": "adapter", "ticket": "ticket"}


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer as it left. asker: who asked, in a word. ticket: id of the ticket it is of, or ''. rating: up, down."""

    answer: dict[str, Any]
    created_at: datetime
    asker: str
    ticket: str
    rating: str | None


async def recent(
    session: AsyncSession, *, decision: Decision | None, before: str | None, limit: int
) -> tuple[Sequence[Asked], str | None]:
    """Answers, newest first, and the id to go on before; None at the end.

    before: the id of an answer; those older than it are given. Raises NotFound.
    """
    query = _asked().order_by(StoredAnswer.created_at.desc(), StoredAnswer.id.desc()).limit(limit + 1)
    if decision is not None:
        query = query.where(StoredAnswer.decision == decision)
    if before is not None:
        last = await session.get(StoredAnswer, before)
        if last is None:
            raise NotFound(f"there is no answer {before}: begin with the newest questions")
        same = and_(StoredAnswer.created_at == last.created_at, StoredAnswer.id < last.id)
        query = query.where(or_(StoredAnswer.created_at < last.created_at, same))
    found = [_row(answer, owner, rating) for answer, owner, rating in (await session.execute(query)).all()]
    return found[:limit], found[limit - 1].answer["id"] if len(found) > limit else None


async def with_trace(session: AsyncSession, answer_id: str) -> tuple[Asked, dict[str, Any] | None]:
    """An answer with its trace; None where it has none. Raises NotFound."""
    row = (await session.execute(_asked().where(StoredAnswer.id == answer_id))).first()
    if row is None:
        raise NotFound(f"there is no answer {answer_id}: the page of questions lists those there are")
    trace = await session.get(Trace, answer_id)
    answer, owner, rating = row
    return _row(answer, owner, rating), None if trace is None else trace.stages


async def decisions_since(session: AsyncSession, moment: datetime) -> dict[str, int]:
    """How many answers got which decision."""
    query = (
        select(StoredAnswer.decision, func.count())
        .where(StoredAnswer.created_at >= moment)
        .group_by(StoredAnswer.decision)
    )
    return {decision: count for decision, count in await session.execute(query)}  # noqa: C416  (rows are no pairs to mypy)


def _asked() -> Select[StoredAnswer, str, str | None]:
    """Answers with their conversation's owner and their rating, which is null where nobody rated."""
    return (
        select(StoredAnswer, Conversation.owner, Feedback.rating)
        .join(Conversation, Conversation.id == StoredAnswer.conversation_id)
        .outerjoin(Feedback, Feedback.answer_id == StoredAnswer.id)
    )


def _row(answer: StoredAnswer, owner: str, rating: str | None) -> Asked:
    kind, _, who = owner.partition(":")
    return Asked(
        answer=answer.body,
        created_at=answer.created_at,
        asker=_ASKERS.get(kind, kind),
        ticket=who if kind == "ticket" else "",
        rating=rating,
    )


@pages.get("/admin/questions")
async def show_questions(request: Request, decision: OfDecision = None, before: AnswerId | None = None) -> Response:
    async with request.app.state.core.database.transaction() as session:
        found, following = await recent(session, decision=decision, before=before, limit=_SHOWN)
    return page(
        request,
        "questions.html",
        questions=found,
        decisions=DECISIONS,
        chosen=decision or "",
        before=before,
        following=following,
    )


@pages.get("/admin/questions/{answer_id}")
async def show_question(request: Request, answer_id: Annotated[str, Path(pattern=r"^ans_[0-9a-z]{1,60}$")]) -> Response:
    async with request.app.state.core.database.transaction() as session:
        asked, stages = await with_trace(session, answer_id)
    cited: dict[str, list[int]] = {}
    for citation in asked.answer["citations"]:
        cited.setdefault(citation["chunk_id"], []).append(citation["marker"])
    return page(request, "question.html", asked=asked, answer=asked.answer, stages=stages, cited=cited)
