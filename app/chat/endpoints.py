"""/api/v1/chat: sites, sessions, questions with their events, history, feedback, and a person."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from app.answering.answer import Answer
from app.auth.bearer import ChatToken
from app.auth.gate import Gate
from app.auth.principal import Principal
from app.chat.examples import ANSWER, EVENTS, SESSION
from app.chat.schemas import (
    AnswerId,
    AskRequest,
    ConversationId,
    EscalationRequest,
    EscalationResponse,
    FeedbackBody,
    HistoryResponse,
    SessionRequest,
    SessionResponse,
    SiteResponse,
    site_response,
)
from app.chat.service import ChatService
from app.conversations.service import Conversations, NewQuestion
from app.conversations.stream import AnswerStream
from app.errors import InvalidInput, NotReady
from app.problems import problem_responses
from app.runtime import Core

_KEEPALIVE_SECONDS = 15.0
_SURFACES = {"session": "widget", "key": "api", "local": "cli"}
_SITE_SECONDS = 300  # how long a browser may keep a site's texts and colours

# nginx holds responses back until its buffers are full, unless it is told not to.
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

router = APIRouter(prefix="/api/v1/chat", tags=["chat"], responses=problem_responses(422))
_CALLED = problem_responses(401, 403, 404, 429)


def gate(request: Request) -> Gate:
    opened: Gate = request.app.state.gate
    return opened


def chat_service(request: Request) -> ChatService:
    service: ChatService = request.app.state.chat
    return service


def conversations(request: Request) -> Conversations:
    service: Conversations = request.app.state.conversations
    return service


async def caller(request: Request, _: ChatToken) -> Principal:
    """Who asks: a visitor's session, an API key of scope chat, or the command line of this machine."""
    return await gate(request).admit(request, "chat")


async def asker(request: Request, _: ChatToken) -> Principal:
    """The same, of a question, which is counted. Raises NotReady while the first index is being made."""
    principal = await gate(request).admit_question(request)
    if request.app.state.readiness.indexing:
        raise NotReady("the documentation is still being read in: ask again in a moment", retry_after=10)
    return principal


Asker = Annotated[Principal, Depends(asker)]
Caller = Annotated[Principal, Depends(caller)]
Chat = Annotated[ChatService, Depends(chat_service)]
Talk = Annotated[Conversations, Depends(conversations)]
AnswerPath = Annotated[AnswerId, Path()]
ConversationPath = Annotated[ConversationId, Path()]


@router.get("/sites/{site_key}", responses=problem_responses(403))
async def site(site_key: str, request: Request, response: Response) -> SiteResponse:
    """Texts, colours and questions of a site's widget. Public: it stands in the site's pages."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    found = await gate(request).sites.admit(site_key, origin, host)
    response.headers["Cache-Control"] = f"public, max-age={_SITE_SECONDS}"
    response.headers["Vary"] = "Origin"
    core: Core = request.app.state.core
    own_questions = found.own and not await core.has_own_docs()
    return site_response(found, request.app.state.starters if own_questions else [])


@router.post(
    "/sessions",
    status_code=201,
    responses={
        201: {"content": {"application/json": {"example": SESSION}}},
        **problem_responses(400, 401, 403, 429),
    },
)
async def begin_session(body: SessionRequest, request: Request) -> SessionResponse:
    """A session for a visitor of a site's page. Public: what it needs is the site's key and its origin."""
    issued = await gate(request).begin_session(request, body.site_key, body.session)
    return SessionResponse(session=issued.token, expires_at=issued.expires_at)


@router.post(
    "/messages",
    response_model=Answer,
    responses={
        200: {
            "content": {"application/json": {"example": ANSWER}, **EVENTS},
            "description": "The answer, or its events by Accept.",
        },
        **_CALLED,
        **problem_responses(400, 409, 503),
    },
)
async def ask(body: AskRequest, request: Request, principal: Asker, talk: Talk) -> Response:
    """Answer a question: `Accept: text/event-stream` gives the events while they come, else the Answer as JSON."""
    surface = _SURFACES[principal.kind]
    question = NewQuestion(body.question, surface, body.conversation_id, body.message_id)
    if "text/event-stream" in request.headers.get("accept", ""):
        return _event_stream(await talk.ask(principal, question), 0)
    return JSONResponse((await talk.answer(principal, question)).model_dump(mode="json"))


@router.get(
    "/answers/{answer_id}/events",
    response_class=Response,
    responses={200: {"content": EVENTS, "description": "The events, to the last one."}, **_CALLED},
)
async def resume(
    answer_id: AnswerPath, principal: Caller, talk: Talk, last_event_id: Annotated[str, Header()] = ""
) -> Response:
    """The events of an answer behind `Last-Event-ID`: all that came meanwhile, and those to come."""
    stream = await talk.find(principal.owner, answer_id)
    return _event_stream(stream, _number(last_event_id, stream))


@router.post("/answers/{answer_id}/stop", status_code=204, responses=_CALLED)
async def stop(answer_id: AnswerPath, principal: Caller, talk: Talk) -> None:
    """End an answer where it is."""
    await talk.stop(principal.owner, answer_id)


@router.get("/conversations/{conversation_id}", responses=_CALLED)
async def history(conversation_id: ConversationPath, principal: Caller, chat: Chat) -> HistoryResponse:
    """The messages of a conversation with their answers."""
    return await chat.history(principal.owner, conversation_id)


@router.put("/answers/{answer_id}/feedback", responses={**_CALLED, **problem_responses(400)})
async def rate(answer_id: AnswerPath, body: FeedbackBody, principal: Caller, chat: Chat) -> FeedbackBody:
    """Rate an answer, up or down."""
    return await chat.rate(principal.owner, answer_id, body)


@router.delete("/answers/{answer_id}/feedback", status_code=204, responses=_CALLED)
async def unrate(answer_id: AnswerPath, principal: Caller, chat: Chat) -> None:
    """Take a rating back."""
    await chat.unrate(principal.owner, answer_id)


@router.post(
    "/conversations/{conversation_id}/escalation",
    status_code=201,
    responses={
        200: {"model": EscalationResponse, "description": "There was one already: it was added to."},
        **_CALLED,
        **problem_responses(400),
    },
)
async def escalate(
    conversation_id: ConversationPath, body: EscalationRequest, principal: Caller, chat: Chat, response: Response
) -> EscalationResponse:
    """Call for a person: stores the conversation's transcript with what the visitor adds."""
    escalation, first = await chat.escalate(principal.owner, conversation_id, body)
    if not first:
        response.status_code = 200
    return escalation


def _number(last_event_id: str, stream: AnswerStream) -> int:
    """The number of the last event that a client has seen; 0 for none. Raises InvalidInput for one that never was."""
    if not last_event_id:
        return 0
    found = re.fullmatch(r"(ans_[0-9a-f]{24}):(\d{1,6})", last_event_id)
    if found is None or found[1] != stream.answer_id or int(found[2]) > len(stream.events):
        raise InvalidInput(f"Last-Event-ID is none of this answer's: it looks like {stream.answer_id}:1")
    return int(found[2])


def _event_stream(stream: AnswerStream, number: int) -> Response:
    return EventSourceResponse(_encoded_events(stream, number), headers=_UNBUFFERED)


async def _encoded_events(stream: AnswerStream, number: int) -> AsyncGenerator[bytes]:
    async with aclosing(stream.after_or_silence(number, _KEEPALIVE_SECONDS)) as events:
        async for numbered in events:
            if numbered is None:
                yield KEEPALIVE_COMMENT
                continue
            at, event = numbered
            data = event.model_dump_json(exclude={"event"})
            yield format_sse_event(event=event.event, id=f"{stream.answer_id}:{at}", data_str=data)
