"""The HTTP side: three routes of OpenAI's protocol, a health check, and the bearer key."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Overloaded
from app.llm.embedded.engine import Engine, Generation, Piece
from app.llm.embedded.pipeline import Sampling
from app.llm.embedded.prompt import PromptEncoder
from app.llm.embedded.protocol import Answer, ChatRequest, RequestRefused, error_body, models
from app.llm.embedded.schema import SchemaRefused, checked_schema, plain_text

_MAX_BODY_BYTES = 4_000_000  # a context of 8,192 tokens is about 40 kB
_CLIENT_GONE = 499  # as nginx logs it; nobody reads the answer


class ChatService:
    """What the routes share: from a request's body to a generation in the engine."""

    def __init__(
        self,
        engine: Engine,
        encoder: PromptEncoder,
        *,
        model: str,
        context_tokens: int,
        without_cache: Callable[[], Engine],
    ) -> None:
        """without_cache: makes an engine that computes every token of a prompt; called once, when it is needed."""
        self.engine = engine
        self.model = model
        self.context_tokens = context_tokens
        self.created = int(time.time())
        self._encoder = encoder
        self._without_cache = without_cache
        self._uncached: Engine | None = None
        self._making = asyncio.Lock()
        self._on_crash: Callable[[], None] = lambda: None

    def start(self, loop: asyncio.AbstractEventLoop, on_crash: Callable[[], None]) -> None:
        """As of Engine, for every engine there is or will be."""
        self._on_crash = on_crash
        self.engine.start(loop, on_crash)

    def close(self) -> None:
        for engine in (self.engine, self._uncached):
            if engine is not None:
                engine.close()

    def submit(self, body: ChatRequest, engine: Engine | None = None) -> Generation:
        """engine: another one than the usual."""
        self._check(body)
        prompt, _ = self._prompt(body)
        sampling = self._sampling(body, len(prompt))
        try:
            return (engine or self.engine).submit(prompt, sampling)
        except Overloaded as error:
            raise RequestRefused(
                error.detail,
                status=429,
                kind="rate_limit_error",
                code="queue_full",
                retry_after=error.retry_after,
            ) from error
        except RuntimeError as error:
            raise RequestRefused(f"the engine refuses these settings: {error}") from error

    async def uncached(self) -> Engine:
        """Takes 2 s and the memory of the weights once more, the first time."""
        async with self._making:
            if self._uncached is None:
                engine = await asyncio.to_thread(self._without_cache)
                engine.start(asyncio.get_running_loop(), self._on_crash)
                self._uncached = engine
        return self._uncached

    def is_complete(self, body: ChatRequest, piece: Piece) -> bool:
        """Whether logprobs that were asked for are there. The prefix cache keeps none: what a continued message follows
        may lack them, but where the cache ends with it, the message's first token lacks its own, too.
        """
        if body.prompt_logprobs is None or not piece.prompt:
            return True
        own = self._prompt(body)[1]
        wanted = piece.prompt[-own:] if own else piece.prompt[1:]
        return all(one.logprob is not None for one in wanted)

    def _prompt(self, body: ChatRequest) -> tuple[list[int], int]:
        """Tokens, and how many of them are a continued message's."""
        messages = [message.plain() for message in body.messages]
        try:
            return (
                self._encoder.continued(messages)
                if body.continue_final_message
                else (self._encoder.encode(messages), 0)
            )
        except ValueError as error:
            raise RequestRefused(str(error), param="messages") from error

    def _check(self, body: ChatRequest) -> None:
        if body.model and body.model != self.model:
            raise RequestRefused(
                f"The model `{body.model}` does not exist; this is `{self.model}`.",
                status=404,
                param="model",
                code="model_not_found",
            )
        if body.n not in {None, 1}:
            raise RequestRefused("only n=1 is supported", param="n")
        if body.prompt_logprobs:
            raise RequestRefused("only the prompt's own tokens have one: it must be 0", param="prompt_logprobs")
        if body.prompt_logprobs is not None and body.stream:
            raise RequestRefused("a stream has no place for them", param="prompt_logprobs")
        if body.top_logprobs:
            raise RequestRefused("only the chosen token has a logprob: top_logprobs must be 0", param="top_logprobs")

    def _sampling(self, body: ChatRequest, prompt_tokens: int) -> Sampling:
        choice, json_schema = _constraint(body)
        return Sampling(
            max_tokens=self._max_tokens(body.wanted_tokens, prompt_tokens),
            temperature=1.0 if body.temperature is None else body.temperature,
            top_p=body.top_p or 1.0,
            top_k=max(body.top_k or 0, 0),
            seed=body.seed,
            frequency_penalty=body.frequency_penalty or 0.0,
            presence_penalty=body.presence_penalty or 0.0,
            repetition_penalty=body.repetition_penalty or 1.0,
            logprobs=bool(body.logprobs),
            prompt_logprobs=body.prompt_logprobs is not None,
            ignore_eos=body.ignore_eos,
            stop=body.stop_strings,
            choice=choice,
            json_schema=json_schema,
        )

    def _max_tokens(self, wanted: int | None, prompt_tokens: int) -> int:
        left = self.context_tokens - prompt_tokens
        needed = 1 if wanted is None else wanted
        if needed > left:
            raise RequestRefused(
                f"This model's maximum context length is {self.context_tokens} tokens. You requested "
                f"{prompt_tokens + needed} tokens ({prompt_tokens} in the messages, {needed} in the completion).",
                param="messages",
                code="context_length_exceeded",
            )
        return left if wanted is None else wanted


def _constraint(body: ChatRequest) -> tuple[tuple[str, ...], str]:
    """The choices and the schema of a request, at most one of them."""
    structured, form = body.structured_outputs, body.response_format
    choice = tuple(structured.choice or ()) if structured else ()
    if not all(text and plain_text(text) for text in choice):
        raise RequestRefused("choices must be plain text of 1 to 500 characters", param="structured_outputs.choice")
    schemas: list[object] = []
    if structured and structured.json_ is not None:
        schemas.append(structured.json_)
    if form and form.type == "json_object":
        schemas.append({"type": "object"})
    if form and form.type == "json_schema":
        schemas.append(form.json_schema.schema_ if form.json_schema else None)
    if len(schemas) + bool(choice) > 1:
        raise RequestRefused("only one of choice, json and response_format can be asked for")
    try:
        return choice, checked_schema(_parsed(schemas[0])) if schemas else ""
    except SchemaRefused as error:
        raise RequestRefused(f"this JSON schema is not supported: {error}", code="unsupported_schema") from error


def _parsed(schema: object) -> object:
    """As vLLM, takes a schema as text, too."""
    if not isinstance(schema, str):
        return schema
    try:
        return json.loads(schema)
    except json.JSONDecodeError as error:
        raise SchemaRefused(f"schema: not JSON ({error.msg})") from error


def build_app(service: ChatService, api_key: str) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_middleware(_Guard, api_key=api_key)
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)

    @app.get("/health")
    async def health() -> dict[str, int]:
        running, waiting = service.engine.load
        return {"running": running, "waiting": waiting}

    @app.get("/v1/models")
    async def list_models() -> dict[str, Any]:
        return models(service.model, service.context_tokens, service.created)

    @app.post("/v1/chat/completions", response_model=None)
    async def chat_completions(body: ChatRequest, request: Request) -> Response:
        generation = service.submit(body)
        watch = asyncio.create_task(_cancel_when_gone(request, service.engine, generation))
        answer = Answer(
            f"chatcmpl-{secrets.token_hex(12)}",
            int(time.time()),
            service.model,
            len(generation.prompt),
            logprobs=bool(body.logprobs),
        )
        if body.stream:
            events = _events(generation, answer, watch, body)
            return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        pieces = [piece async for piece in generation.pieces()]
        watch.cancel()
        if not service.is_complete(body, pieces[-1]):
            again = service.submit(body, await service.uncached())
            pieces = [piece async for piece in again.pieces()]
        return _whole(pieces, answer)

    return app


async def _cancel_when_gone(request: Request, engine: Engine, generation: Generation) -> None:
    # Starlette cancels the stream of a client that went, but only once it has begun: watch from the beginning.
    while (await request.receive())["type"] != "http.disconnect":
        pass
    engine.cancel(generation)


def _whole(pieces: list[Piece], answer: Answer) -> Response:
    last = pieces[-1]
    if last.error:
        return JSONResponse(error_body(last.error, kind="server_error", code="engine_error"), 500)
    if last.finish_reason == "cancelled":
        return Response(status_code=_CLIENT_GONE)
    return JSONResponse(answer.whole(pieces))


async def _events(
    generation: Generation, answer: Answer, watch: asyncio.Task[None], asked: ChatRequest
) -> AsyncIterator[str]:
    yield _event(answer.opening(with_usage=asked.early_usage))
    async for piece in generation.pieces():
        if piece.error:
            yield _event(error_body(piece.error, kind="server_error", code="engine_error"))
            return
        yield _event(answer.chunk(piece))
        if piece.finish_reason and asked.include_usage:
            yield _event(answer.closing(piece.completion_tokens))
    watch.cancel()
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestRefused):
        raise error
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse(error.body, error.status, headers=headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"] if part != "body")
    return JSONResponse(error_body(f"{param}: {first['msg']}", kind="invalid_request_error", param=param or None), 400)


async def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse(error_body(str(error.detail), kind="invalid_request_error"), error.status_code)


class _Guard:
    """Refuses before the body is read: other users of the machine reach a loopback port, too."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._expected = f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if scope["path"] == "/health":
            return None
        headers = dict(scope["headers"])
        if not secrets.compare_digest(headers.get(b"authorization", b""), self._expected):
            body = error_body("Incorrect API key provided", kind="invalid_request_error", code="invalid_api_key")
            return JSONResponse(body, 401)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > _MAX_BODY_BYTES:
            return JSONResponse(error_body("the body is too large", kind="invalid_request_error"), 413)
        return None
