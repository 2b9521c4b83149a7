"""Noise on every route: no crash, and no answer and no line of the log that tells what it should not.

The application runs in this process: over sockets it would take minutes. What sockets add is in test_sockets.py.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

import httpx
import pytest

from tests.chat.visiting import DOCS, SESSIONS
from tests.postgresql.databases import is_on_postgresql
from tests.security.conftest import ORIGIN, Opened
from tests.security.noise import Noise
from tests.security.routes import Operation, bodies, operations, path_values, takes_body

BODIES = 200 if is_on_postgresql() else 1000  # for each route that takes one; the database sees what is valid
OTHERS = 40  # requests with noise in path, query and headers, for each route
INDEX = "/api/v1/admin/index"
_FORMS = ("application/json", "application/problem+json", "text/event-stream", "text/plain; version=0.0.4")
_INSIDE = re.compile(
    r"Traceback|File \"|site-packages|/app/[a-z_]+\.py|sqlalchemy|pydantic\.dev|SELECT |INSERT ", re.IGNORECASE
)


@pytest.mark.timeout(600)
async def test_noise(opened_app: AbstractAsyncContextManager[Opened]) -> None:
    async with opened_app as opened:
        answered: Counter[int] = Counter()
        for operation in operations(opened.app):
            noise = Noise(f"{operation.method} {operation.path}")
            if takes_body(opened.app, operation):
                for _ in range(BODIES):
                    answered[await _send_body(opened, operation, noise)] += 1
            for _ in range(OTHERS):
                answered[await _send_path(opened, operation, noise)] += 1
        await _settled(opened)
        _check_log(opened)
    # That the noise came through to where it matters: to what is found, and to each way of refusing.
    assert {200, 201, 204, 400, 401, 403, 404, 413, 422} <= set(answered)
    assert answered[200] > 100


async def _send_body(opened: Opened, operation: Operation, noise: Noise) -> int:
    valid = bodies(opened.site, opened.session, opened.conversation_id, str(opened.docs))[operation.path]
    content, kind = noise.body(valid)
    headers = _credentials(opened, operation, noise)
    headers["Content-Type"] = kind.encode()
    path = operation.path.format(**path_values(opened.site, opened.answer_id, opened.conversation_id, opened.ids))
    response = await opened.client.request(operation.method, path, content=content, headers=headers)
    _check(opened, response, f"{operation} {content[:300]!r} {kind}")
    return response.status_code


async def _send_path(opened: Opened, operation: Operation, noise: Noise) -> int:
    values = path_values(opened.site, opened.answer_id, opened.conversation_id, opened.ids)
    values = {
        name: quote(noise.text(), safe="") or "x" if noise.chance(0.7) else value for name, value in values.items()
    }
    query = {name: noise.text() for name in ("q", "k", "explain", "token", "") if noise.chance(0.5)}
    headers = _credentials(opened, operation, noise)
    for name in ("Last-Event-ID", "X-Request-ID", "Accept", "Origin", "X-Forwarded-For", "X-Forwarded-Host"):
        if noise.chance(0.2):
            headers[name] = noise.text().encode()
    response = await opened.client.request(
        operation.method, operation.path.format(**values), params=query, headers=headers
    )
    _check(opened, response, f"{operation} {values} {query} {headers}")
    return response.status_code


def _credentials(opened: Opened, operation: Operation, noise: Noise) -> dict[str, bytes]:
    """Mostly those that open the route."""
    if noise.chance(0.2):
        return {}
    if noise.chance(0.05):
        return {"Authorization": b"Bearer " + noise.text().encode(), "Origin": DOCS.encode()}
    headers = {"Origin": DOCS} if operation.is_public else opened.bearer(operation.scope)
    return {name: value.encode() for name, value in headers.items()}


def _check(opened: Opened, response: httpx.Response, sent: str) -> None:
    kind, text = response.headers.get("Content-Type", ""), response.text
    issues_session = response.status_code == 201 and response.request.url.path == SESSIONS
    wrong = {
        "it crashed": response.status_code >= 500,
        "its form": not (kind.startswith(_FORMS) or response.status_code in {204, 307}),
        "its problem is no JSON": response.status_code >= 400 and "json" not in kind,
        "no request id": not response.headers.get("X-Request-ID"),
        "no security headers": response.headers.get("X-Content-Type-Options") != "nosniff",
        "an injected header": "X-Injected" in response.headers,
        "a redirect elsewhere": not response.headers.get("Location", ORIGIN).startswith((ORIGIN, "/api/v1/")),
        "a secret": not issues_session and any(secret in text for secret in opened.secrets),
        "something of the inside": bool(_INSIDE.search(text)) or str(opened.settings.data_dir) in text,
    }
    found = [name for name, is_so in wrong.items() if is_so]
    assert not found, f"{found}: {sent} -> {response.status_code} {text[:1000]}"


async def _settled(opened: Opened) -> None:
    """No answer is left in the making."""
    while opened.app.state.conversations._running:  # noqa: ASYNC110  (the application has no event for it)
        await asyncio.sleep(0.05)


def _check_log(opened: Opened) -> None:
    written = opened.log.getvalue()
    for secret in opened.secrets:
        assert secret not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert len(lines) > BODIES
    assert [line for line in lines if line["level"] in {"error", "critical"} or "exception" in line] == []


@pytest.mark.parametrize("value", [{"paths": ["/\ud800"]}, {"paths": ["/\0"]}, {"base_url": "\ud800"}])
async def test_what_no_path_can_hold(opened_app: AbstractAsyncContextManager[Opened], value: dict[str, object]) -> None:
    async with opened_app as opened:
        body = json.dumps({"paths": [str(opened.docs)], **value})
        headers = {**opened.bearer("admin"), "Content-Type": "application/json"}
        response = await opened.client.post(INDEX, content=body, headers=headers)
        assert response.status_code == 422
