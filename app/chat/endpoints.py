"""POST /api/v1/chat/messages: an answer as events or as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from app.answering.answer import Answer, AnswerFailed, Event
from app.chat.schemas import AskRequest
from app.chat.service import AcceptedQuestion, ChatService
from app.errors import DocentError
from app.problems import problem

_KEEPALIVE_SECONDS = 15.0

router = APIRouter(prefix="/api/v1/chat", tags=["chat"])


def chat_service(request: Request) -> ChatService:
    service: ChatService = request.app.state.chat
    return service


@router.post(
    "/messages",
    response_model=Answer,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The answer, or its events by Accept."}},
)
async def ask(body: AskRequest, request: Request, chat: Annotated[ChatService, Depends(chat_service)]) -> Response:
    """Answer a question: `Accept: text/event-stream` gives the events while they come, else the Answer as JSON."""
    if "text/event-stream" in request.headers.get("accept", ""):
        accepted = await chat.accept(body.question, body.conversation_id)
        return EventSourceResponse(_stream(chat, accepted), headers={"Cache-Control": "no-store"})
    answer = await chat.answer(body.question, body.conversation_id)
    return JSONResponse(answer.model_dump(mode="json"))


async def _stream(chat: ChatService, accepted: AcceptedQuestion) -> AsyncGenerator[bytes]:
    number = 0
    answer_id = accepted.asked.answer_id
    try:
        async with aclosing(chat.events(accepted)) as events:
            async for event in _or_silence(events):
                if event is None:
                    yield KEEPALIVE_COMMENT
                    continue
                number += 1
                yield _encoded(event, answer_id, number)
    except DocentError as error:
        yield _encoded(AnswerFailed(problem=problem(error)), answer_id, number + 1)


async def _or_silence(events: AsyncGenerator[Event]) -> AsyncGenerator[Event | None]:
    """The events, and None for every _KEEPALIVE_SECONDS without one: proxies cut streams that say nothing."""
    coming: asyncio.Future[Event] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({coming}, timeout=_KEEPALIVE_SECONDS)
            if not done:
                yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield event
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


def _encoded(event: Event, answer_id: str, number: int) -> bytes:
    return format_sse_event(
        event=event.event, id=f"{answer_id}:{number}", data_str=event.model_dump_json(exclude={"event"})
    )
