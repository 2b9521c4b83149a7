"""One attempt to deliver a callback, and what came of it."""

from __future__ import annotations

import asyncio
import ssl
import time
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import httpx

from app.callbacks.pinned import PinnedTransport
from app.callbacks.schedule import GONE, is_delivered, may_retry, retry_after_seconds
from app.callbacks.signing import SigningSecret, signed_headers
from app.callbacks.targets import CallbackRefused, HostUnresolved

EXCERPT_CHARS = 500
_EXCERPT_BYTES = 4 * EXCERPT_CHARS  # UTF-8 takes four bytes for a character at most
_USER_AGENT = "Docent"


class Failure(StrEnum):
    """What went wrong, from a closed list."""

    REFUSED = "refused"  # the URL, or an address of its host, is not allowed
    UNRESOLVED = "unresolved"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN = "broken"  # the connection ended before an answer, or what came is not HTTP
    REDIRECT = "redirect"  # 3xx: redirects are not followed
    STATUS = "status"  # 4xx or 5xx


@dataclass(frozen=True, slots=True)
class Delivery:
    """message_id: the same at every attempt. body: JSON in UTF-8, sent and signed byte for byte."""

    message_id: str
    url: str
    body: bytes
    secrets: tuple[SigningSecret, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """status: of the answer, None where none came. excerpt: the answer's first characters, without control characters.

    retry: whether another attempt may help. disable: the receiver wants no more callbacks to this URL.
    retry_after: seconds the receiver asks to wait.
    """

    started_at: datetime
    duration_ms: int
    status: int | None = None
    failure: Failure | None = None
    excerpt: str = ""
    retry: bool = False
    disable: bool = False
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        return self.failure is None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: str
    excerpt: str


async def deliver(
    delivery: Delivery, transport: PinnedTransport, *, seconds: float = 15.0, reading_seconds: float = 3.0
) -> Attempt:
    """Send a callback once. Whatever the receiver does ends in an Attempt; nothing is raised for it.

    seconds: for names, connection, request and the answer's head together. reading_seconds: for the answer's body,
    of which no more is read than the excerpt needs. The status alone decides: a body that breaks off changes nothing.
    Raises ValueError for a delivery that cannot be signed.
    """
    now, began = datetime.now(UTC), time.monotonic()
    headers = signed_headers(delivery.message_id, delivery.body, delivery.secrets, now)
    failure, answer = None, None
    try:
        answer = await _exchange(delivery, headers, transport, seconds, reading_seconds)
    except (CallbackRefused, HostUnresolved, httpx.InvalidURL, httpx.TransportError, TimeoutError) as error:
        failure = _failure(error)
    duration_ms = round((time.monotonic() - began) * 1000)
    if answer is None:
        return Attempt(now, duration_ms, failure=failure, retry=failure is not Failure.REFUSED)
    return Attempt(
        started_at=now,
        duration_ms=duration_ms,
        status=answer.status,
        failure=_status_failure(answer.status),
        excerpt=answer.excerpt,
        retry=may_retry(answer.status),
        disable=answer.status == GONE,
        retry_after=retry_after_seconds(answer.retry_after, datetime.now(UTC)) if may_retry(answer.status) else None,
    )


async def _exchange(
    delivery: Delivery, headers: dict[str, str], transport: PinnedTransport, seconds: float, reading_seconds: float
) -> _Answer:
    # Straight to the transport: a client would keep cookies, look up .netrc, and resolve a redirect's location.
    request = httpx.Request(
        "POST",
        delivery.url,
        headers={
            "accept": "*/*",
            "accept-encoding": "identity",  # nothing is unpacked, so nothing can swell
            "connection": "close",
            "content-type": "application/json",
            "user-agent": _USER_AGENT,
            **headers,
        },
        content=delivery.body,
        extensions={"timeout": httpx.Timeout(seconds, connect=seconds / 3).as_dict()},
    )
    async with asyncio.timeout(seconds):
        response = await transport.handle_async_request(request)
    try:
        excerpt = await _excerpt(response, reading_seconds)
    finally:
        await response.aclose()
    return _Answer(response.status_code, response.headers.get("retry-after", ""), excerpt)


async def _excerpt(response: httpx.Response, seconds: float) -> str:
    read = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in response.aiter_raw():
                read += chunk[:_EXCERPT_BYTES]
                if len(read) >= _EXCERPT_BYTES:
                    break
    except (httpx.TransportError, TimeoutError):
        pass  # what came so far is excerpt enough
    return _plain(bytes(read[:_EXCERPT_BYTES]).decode("utf-8", errors="replace"))[:EXCERPT_CHARS]


def _plain(text: str) -> str:
    """`text` with a space for each run of blanks, control, format (such as bidirectional) and unassigned characters."""
    return " ".join("".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text).split())


def _status_failure(status: int) -> Failure | None:
    if is_delivered(status):
        return None
    return Failure.REDIRECT if 300 <= status < 400 else Failure.STATUS


def _failure(error: Exception) -> Failure:
    kinds: dict[type[Exception], Failure] = {
        CallbackRefused: Failure.REFUSED,
        httpx.InvalidURL: Failure.REFUSED,
        httpx.UnsupportedProtocol: Failure.REFUSED,
        HostUnresolved: Failure.UNRESOLVED,
        TimeoutError: Failure.TIMEOUT,
        httpx.TimeoutException: Failure.TIMEOUT,
        httpx.ConnectError: Failure.CONNECT,
    }
    if _is_tls(error):
        return Failure.TLS
    return next((failure for kind, failure in kinds.items() if isinstance(error, kind)), Failure.BROKEN)


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__  # httpcore cuts the causes off on their way through its pool
    return False
