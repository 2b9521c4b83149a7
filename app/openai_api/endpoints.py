"""/v1: the whole assistant behind OpenAI's protocol, for programs that speak it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Annotated, Any

import anyio
import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse

from app.auth.bearer import described_token
from app.auth.gate import Gate
from app.auth.principal import Principal
from app.config import Settings
from app.conversations.service import Conversations
from app.conversations.stream import AnswerStream
from app.description import event_stream
from app.errors import DocentError, Forbidden, NotReady
from app.openai_api import service
from app.openai_api.completion import COMPLETION, model_list, model_object
from app.openai_api.completion_text import CompletionText
from app.openai_api.dialogue import read_dialogue
from app.openai_api.errors import error_response, error_responses
from app.openai_api.refusals import check_model, check_supported, refusal_of
from app.openai_api.schemas import ChatCompletionRequest

log = structlog.get_logger(__name__)


class _OpenAIRoute(APIRoute):
    """Errors leave in OpenAI's shape, with the parameter at fault."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_refuse(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return error_response(refusal_of(error))
            except DocentError as error:
                if error.status >= 500:
                    log.warning("request.failed", kind=error.kind, detail=error.detail)
                return error_response(error)

        return handle_or_refuse


# nginx holds responses back until its buffers are full, unless it is told not to.
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI-compatible"],
    route_class=_OpenAIRoute,
    dependencies=[described_token("chat")],
    responses=error_responses(400, 401, 403, 413, 421, 429, 500),
)


async def caller(request: Request) -> Principal:
    """Who asks: an API key of scope chat, or the command line of this machine. Visitors have the widget."""
    gate: Gate = request.app.state.gate
    return _no_visitor(await gate.admit(request, "chat"))


async def asker(request: Request) -> Principal:
    """The same, of a question, which is counted. Raises NotReady while the first index is being made."""
    gate: Gate = request.app.state.gate
    principal = _no_visitor(await gate.admit_question(request))
    if request.app.state.readiness.indexing:
        raise NotReady("the documentation is still being read in: ask again in a moment", retry_after=10)
    return principal


def _no_visitor(principal: Principal) -> Principal:
    if principal.kind == "session":
        raise Forbidden("a visitor's session is for the widget: this needs an API key of scope chat")
    return principal


def conversations(request: Request) -> Conversations:
    talk: Conversations = request.app.state.conversations
    return talk


_CHUNKS = (
    'data: {"id":"chatcmpl-5f0c9e1b7a2d4c6e8f013579","object":"chat.completion.chunk","created":1795305600,'
    '"model":"docent","choices":[{"index":0,"delta":{"content":"Run it."},"logprobs":null,"finish_reason":null}]}\n\n'
    "data: [DONE]\n\n"
)
Asker = Annotated[Principal, Depends(asker)]


@router.get("/models", dependencies=[Depends(caller)])
async def models() -> dict[str, Any]:
    """The models: there is one, the assistant."""
    return model_list()


@router.get("/models/{model_id}", dependencies=[Depends(caller)], responses=error_responses(404))
async def model(model_id: str) -> dict[str, Any]:
    """The model by its id."""
    check_model(model_id)
    return model_object()


@router.post(
    "/chat/completions",
    response_model=None,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": COMPLETION},
                **event_stream(example=_CHUNKS),
            },
            "description": "A chat.completion, or its chunks with `stream`.",
        },
        **error_responses(404, 409, 503),
    },
)
async def chat_completions(
    body: ChatCompletionRequest,
    request: Request,
    principal: Asker,
    talk: Annotated[Conversations, Depends(conversations)],
) -> Response:
    """An answer from the documentation to the last user message: a chat.completion, or its chunks with `stream`."""
    check_supported(body)
    dialogue = read_dialogue(body.messages)
    text = CompletionText(_public_url(request), body.stop_sequences, body.token_limit)
    stream = await service.begin(talk, principal, dialogue)
    if body.stream:
        chunks = service.chunks(stream, text, include_usage=body.include_usage)
        return EventSourceResponse(_encoded(talk, stream, chunks), headers=_UNBUFFERED)
    answering = asyncio.ensure_future(service.whole(stream, text))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            await talk.stop(stream.owner, stream.answer_id)
        return JSONResponse(await answering)
    finally:
        leaving.cancel()
        answering.cancel()


def _public_url(request: Request) -> str:
    settings: Settings = request.app.state.settings
    return settings.server.public_url or str(request.base_url)


async def _gone(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _encoded(
    talk: Conversations, stream: AnswerStream, chunks: AsyncGenerator[dict[str, Any] | None]
) -> AsyncGenerator[bytes]:
    """The chunks as server-sent events. A client that leaves cannot come back to its stream: the answer is stopped."""
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield KEEPALIVE_COMMENT if chunk is None else _event(json.dumps(chunk, ensure_ascii=False))
        if stream.answer is not None:
            yield _event("[DONE]")
    finally:
        if not stream.ended:
            with anyio.CancelScope(shield=True):
                await talk.stop(stream.owner, stream.answer_id)


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()
