"""What every request passes: a request id, an access line, the host check, and headers for browsers."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from ipaddress import ip_address

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DocentError
from app.metrics import Metrics
from app.problems import problem_response

log = structlog.get_logger("docent.access")

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::\d{1,5})?", re.ASCII)
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds by whatever watches the service
_LENGTH_DIGITS = 18  # of a Content-Length; int() takes 4300 of them at most
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class ForeignHost(DocentError):
    status = 421
    kind = "foreign-host"
    title = "Not a host of this service"


class RequestContext:
    """Gives each request an id (its own `X-Request-ID` where it is sane), and logs and counts it when it is done.

    A crash is answered here, where the answer gets its id.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            if not status:
                crash = DocentError("something went wrong here; the log has it under this request's id")
                await problem_response(crash)(scope, receive, send_with_headers)
            raise  # to the log, by the server
        finally:
            seconds = time.perf_counter() - started
            say = log.debug if scope["path"] in _PROBES else log.info
            say("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))
            # The route's pattern, not the path: what visitors send names no time series.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)


class BodyTooLarge(DocentError):
    status = 413
    kind = "body-too-large"
    title = "The request is too large"


class BodyLimit:
    """Reads the body before the application does, and refuses one that is larger than `limit` bytes.

    larger: other limits, by the beginnings of paths.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        limit = next((size for start, size in self._larger.items() if path.startswith(start)), self._limit)
        declared = Headers(scope=scope).get("content-length", "0")
        too_large = declared.isdecimal() and (len(declared) > _LENGTH_DIGITS or int(declared) > limit)
        body = None if too_large else await _read(receive, limit)
        if body is None:
            refusal = BodyTooLarge(f"the request's body is larger than {limit} bytes: send less")
            await problem_response(refusal)(scope, receive, send)
            return
        given: bytes | None = body

        async def replay() -> Message:
            nonlocal given
            if given is None:
                return await receive()
            read, given = given, None
            return {"type": "http.request", "body": read, "more_body": False}

        await self._app(scope, replay, send)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when it is larger than `limit` bytes."""
    body = b""
    while True:
        message = await receive()
        piece: bytes = message.get("body", b"")
        body += piece
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return body


class AllowedHosts:
    """Refuses requests whose Host is neither this machine nor one of `hosts`: a page of a foreign site that had its
    name resolved to the service's address (DNS rebinding) sends its own.
    """

    def __init__(self, app: ASGIApp, hosts: str) -> None:
        self._app = app
        self._hosts = frozenset(hosts.lower().split())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._knows(host_name(Headers(scope=scope).get("host", ""))):
            await self._app(scope, receive, send)
            return
        refusal = ForeignHost("this service does not answer to that name: DOCENT_SERVER__HOSTS lists those it does")
        await problem_response(refusal)(scope, receive, send)

    def _knows(self, host: str) -> bool:
        return bool(host) and (is_loopback(host) or host.lower() in self._hosts or "*" in self._hosts)


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, without port) is this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Name or address of a Host header, without port and brackets; empty for one that is malformed."""
    found = _HOST.fullmatch(header)
    return (found[1] or found[2]) if found else ""
