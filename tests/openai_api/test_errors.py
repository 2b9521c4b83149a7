"""Errors that reach no route: their shape changes under /v1, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.openai_api.errors import OpenAIErrors
from app.problems import MEDIA_TYPE


async def called(app: ASGIApp, path: str, sent: list[Any] | None = None) -> list[MutableMapping[str, Any]]:
    """What is sent in answer to GET `path`; into `sent`, where that is given."""
    sent = [] if sent is None else sent

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await OpenAIErrors(app)({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    return sent


def problem(status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"status": status, "detail": "so it is"}, status, headers, media_type=MEDIA_TYPE)


@pytest.mark.parametrize(
    ("status", "sent_status", "kind", "code"),
    [
        (400, 400, "invalid_request_error", None),
        (401, 401, "invalid_request_error", "invalid_api_key"),
        (413, 413, "invalid_request_error", "request_too_large"),
        (422, 400, "invalid_request_error", None),
        (429, 429, "rate_limit_error", "rate_limit_exceeded"),
        (500, 500, "server_error", None),
        (503, 503, "server_error", "service_unavailable"),
    ],
)
async def test_problem_documents_are_reshaped(status: int, sent_status: int, kind: str, code: str | None) -> None:
    start, body = await called(problem(status, {"Retry-After": "7", "Vary": "Origin"}), "/v1/models")
    headers = dict(start["headers"])
    assert start["status"] == sent_status
    assert (headers[b"retry-after"], headers[b"vary"]) == (b"7", b"Origin")
    assert headers[b"content-type"] == b"application/json"
    assert int(headers[b"content-length"]) == len(body["body"])
    assert json.loads(body["body"]) == {"error": {"message": "so it is", "type": kind, "param": None, "code": code}}


async def test_a_problem_that_comes_in_pieces() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        for piece in (b'{"detail":', b' "later"', b"}"):
            await send({"type": "http.response.body", "body": piece, "more_body": piece != b"}"})

    start, body = await called(app, "/v1/models")
    assert start["status"] == 429
    assert json.loads(body["body"])["error"]["message"] == "later"


@pytest.mark.parametrize("path", ["/", "/v1x", "/api/v1/chat/messages", "/v2/models"])
async def test_elsewhere_nothing_changes(path: str) -> None:
    start, body = await called(problem(404), path)
    assert dict(start["headers"])[b"content-type"] == MEDIA_TYPE.encode()
    assert json.loads(body["body"])["status"] == 404


async def test_what_is_no_problem_passes() -> None:
    start, body = await called(PlainTextResponse("fine", 404), "/v1/models")
    assert (start["status"], body["body"]) == (404, b"fine")


async def test_a_crash_is_answered_and_goes_on_to_the_log() -> None:
    sent: list[Any] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError("secret")

    with pytest.raises(ZeroDivisionError):
        await called(app, "/v1/models", sent)
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["error"]["type"] == "server_error"
    assert b"secret" not in sent[1]["body"]


async def test_a_crash_in_the_midst_of_an_answer_adds_nothing() -> None:
    sent: list[Any] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await called(app, "/v1/models", sent)
    assert [message["type"] for message in sent] == ["http.response.start"]
