"""Errors in OpenAI's shape: {"error": {"message", "type", "param", "code"}}, for everything under /v1."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DocentError, InvalidInput
from app.problems import MEDIA_TYPE, RETRY_AFTER

# Type and code by status, where an error brings no code of its own.
_SHAPES: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "insufficient_permissions"),
    405: ("invalid_request_error", "method_not_supported"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "service_unavailable"),
}
_OF_THE_BODY = frozenset({"content-type", "content-length"})
_UNEXPECTED = "something went wrong here; the log has it under this request's id"


class RequestRefused(InvalidInput):
    """A request that OpenAI's API refuses with 400. param: the parameter at fault. code: OpenAI's word for it."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class ModelNotFound(RequestRefused):
    """The model that was asked for is not this one."""


def error_body(message: str, status: int, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """A surrogate in `message`, which a name in a request may hold, is replaced: it cannot be sent."""
    kind, usual_code = _SHAPES.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    sendable = message.encode("utf-8", "replace").decode()
    return {"error": {"message": sendable, "type": kind, "param": param, "code": code or usual_code}}


def status_of(error: DocentError) -> int:
    """OpenAI's API knows no 422: what is wrong with a request is 400."""
    if isinstance(error, ModelNotFound):
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.BAD_REQUEST if isinstance(error, InvalidInput) else error.status


def body_of(error: DocentError) -> dict[str, Any]:
    param, code = (error.param, error.code) if isinstance(error, RequestRefused) else (None, None)
    return error_body(error.detail, status_of(error), param=param, code=code)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI description of routes: each status with OpenAI's error."""
    return {status: _described(status) for status in statuses}


def _described(status: int) -> dict[str, Any]:
    text = {"type": "string"}
    perhaps = {"type": ["string", "null"]}
    error = {"message": text, "type": text, "param": perhaps, "code": perhaps}
    schema = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "object", "required": list(error), "properties": error}},
    }
    example = error_body("what is wrong, and what to do", status)
    described: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": schema, "example": example}},
    }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        described["headers"] = RETRY_AFTER
    return described


def error_response(error: DocentError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse(body_of(error), status_of(error), headers=headers)


class OpenAIErrors:
    """Gives OpenAI's shape to the problem documents of requests under /v1 that reach none of its routes: of other
    middleware, of unknown paths and methods; and answers where the application crashes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        begun = False
        refusal: Message | None = None
        problem = b""

        async def send_reshaped(message: Message) -> None:
            nonlocal begun, refusal, problem
            if message["type"] == "http.response.start":
                begun = True
                if Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE:
                    refusal = message
                    return
            if refusal is None:
                await send(message)
                return
            problem += message.get("body", b"")
            if not message.get("more_body", False):
                await _reshaped(scope, refusal, problem)(scope, receive, send)

        try:
            await self._app(scope, receive, send_reshaped)
        except Exception:
            if not begun:
                await JSONResponse(error_body(_UNEXPECTED, 500), 500)(scope, receive, send)
            raise


def _reshaped(scope: Scope, refusal: Message, problem: bytes) -> Response:
    status: int = refusal["status"]
    called = f"{scope['method']} {scope['path']}"
    messages = {
        404: f"Invalid URL ({called}): /v1/models and /v1/chat/completions are served here",
        405: f"Not allowed: {called}; the header Allow names the method",
    }
    message = messages.get(status) or str(json.loads(problem)["detail"])
    status = 400 if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    headers = {name: value for name, value in Headers(raw=refusal["headers"]).items() if name not in _OF_THE_BODY}
    return JSONResponse(error_body(message, status), status, headers=headers)
