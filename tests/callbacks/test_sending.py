from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from standardwebhooks import Webhook

from app.callbacks.sending import EXCERPT_CHARS, Delivery, Failure, deliver
from app.callbacks.signing import SigningSecret
from tests.callbacks.conftest import Opened
from tests.callbacks.names import Names
from tests.callbacks.receiver import Reply, answer, drips, raw, receiving, reset, silence

BODY = json.dumps({"type": "ticket.answered", "text": "Grüße"}, ensure_ascii=False).encode()
SECRETS = (SigningSecret.random(), SigningSecret.random())


def delivery(port: int, scheme: str = "http", host: str = "hooks.example") -> Delivery:
    return Delivery("msg_1", f"{scheme}://{host}:{port}/docent", BODY, SECRETS)


async def test_a_delivered_callback(opened: Opened, server_tls: Callable[[str], ssl.SSLContext]) -> None:
    async with receiving(answer("200 OK", b"thanks"), tls=server_tls("hooks.example")) as receiver:
        attempt = await deliver(delivery(receiver.port, "https"), opened())
    assert attempt.delivered
    assert (attempt.status, attempt.failure, attempt.excerpt) == (200, None, "thanks")
    assert not attempt.retry
    assert not attempt.disable
    assert datetime.now(UTC) - attempt.started_at < timedelta(seconds=30)
    assert 0 <= attempt.duration_ms < 30_000

    (request,) = receiver.requests
    assert request.head == "POST /docent HTTP/1.1"
    assert request.body == BODY
    assert request.headers["content-type"] == "application/json"
    for secret in SECRETS:
        assert Webhook(secret.reveal()).verify(request.body, request.headers) == json.loads(BODY)


async def test_every_attempt_has_the_messages_id_and_its_own_time(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = opened()

    class Later(datetime):
        @classmethod
        def now(cls, _: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(hours=5)

    async with receiving(answer("500 Internal Server Error")) as receiver:
        await deliver(delivery(receiver.port), transport)
        monkeypatch.setattr("app.callbacks.sending.datetime", Later)
        await deliver(delivery(receiver.port), transport)
    first, second = (request.headers for request in receiver.requests)
    assert first["webhook-id"] == second["webhook-id"] == "msg_1"
    assert 17_990 < int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) < 18_030
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "failure", "retry", "disable"),
    [
        ("204 No Content", None, False, False),
        ("302 Found", Failure.REDIRECT, True, False),
        ("404 Not Found", Failure.STATUS, True, False),
        ("410 Gone", Failure.STATUS, False, True),
        ("422 Unprocessable Content", Failure.STATUS, False, False),
        ("503 Service Unavailable", Failure.STATUS, True, False),
    ],
)
async def test_what_statuses_mean(
    opened: Opened, status: str, failure: Failure | None, retry: bool, disable: bool
) -> None:
    async with receiving(answer(status, b"", "location: https://[broken", "retry-after: 70")) as receiver:
        attempt = await deliver(delivery(receiver.port), opened())
    assert attempt.status == int(status[:3])
    assert (attempt.failure, attempt.retry, attempt.disable) == (failure, retry, disable)
    assert attempt.delivered == (failure is None)
    assert attempt.retry_after == (70 if retry else None)
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (silence, Failure.TIMEOUT),
        (drips(b"HTTP/1.1 200 OK\r\n", b"x-drop: 1\r\n", 0.02), Failure.TIMEOUT),
        (drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.02), Failure.TIMEOUT),
        (drips(b"HTTP/1.1 200 OK\r\nx-long: ", b"x" * 100_000, 0.0), Failure.BROKEN),
        (reset, Failure.BROKEN),
        (raw(b""), Failure.BROKEN),
        (raw(b"HTTP/1.1 200 OK\r\nx-cut"), Failure.BROKEN),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Failure.BROKEN),
    ],
    ids=["silent", "dripping head", "endless 1xx", "endless head", "reset", "closed", "cut off", "no HTTP"],
)
async def test_receivers_without_an_answer(opened: Opened, reply: Reply, failure: Failure) -> None:
    began = time.monotonic()
    async with receiving(reply) as receiver:
        attempt = await deliver(delivery(receiver.port), opened(), seconds=0.5)
    assert (attempt.status, attempt.failure, attempt.retry) == (None, failure, True)
    assert time.monotonic() - began < 5
    assert len(receiver.requests) == 1
    assert attempt.duration_ms >= (500 if failure is Failure.TIMEOUT else 0)


@pytest.mark.parametrize(
    ("reply", "starts"),
    [
        (drips(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nok", b".", 0.02), "ok"),
        (drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, 0.0), "x" * EXCERPT_CHARS),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\ncut"), "cut"),
        (raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), ""),
    ],
    ids=["dripping", "endless", "cut off", "wrong chunk"],
)
async def test_the_body_changes_nothing_once_the_status_is_there(opened: Opened, reply: Reply, starts: str) -> None:
    began = time.monotonic()
    async with receiving(reply) as receiver:
        attempt = await deliver(delivery(receiver.port), opened(), reading_seconds=0.5)
        await asyncio.wait_for(receiver.left.wait(), 5)  # the connection is closed, and nobody writes on
    assert attempt.delivered
    assert attempt.excerpt.startswith(starts)
    assert len(attempt.excerpt) <= EXCERPT_CHARS
    assert time.monotonic() - began < 5


async def test_the_excerpt_is_short_and_plain(opened: Opened) -> None:
    text = "a\x00b\x1b[31mred\r\n\r\n\tbidi\u202eevil\u2028end " + "ü" * 600
    async with receiving(answer("500 Internal Server Error", text.encode() + b"\xff\xfe")) as receiver:
        attempt = await deliver(delivery(receiver.port), opened())
    assert attempt.excerpt.startswith("a b [31mred bidi evil end üüü")
    assert len(attempt.excerpt) == EXCERPT_CHARS
    assert attempt.excerpt.isprintable()


async def test_packed_answers_are_not_unpacked(opened: Opened) -> None:
    packed = gzip.compress(b"swell" * 4_000_000)
    async with receiving(answer("200 OK", packed, "content-encoding: gzip")) as receiver:
        attempt = await deliver(delivery(receiver.port), opened())
    assert attempt.delivered
    assert receiver.requests[0].headers["accept-encoding"] == "identity"
    assert "swell" not in attempt.excerpt


async def test_failures_of_tls(opened: Opened, server_tls: Callable[[str], ssl.SSLContext]) -> None:
    unknown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("hooks.example").configure_cert(unknown)
    async with (
        receiving(tls=server_tls("other.example")) as other,
        receiving(tls=unknown) as untrusted,
        receiving(greeting=b"220 mail.example ESMTP\r\n") as plain,
    ):
        for receiver in (other, untrusted, plain):
            attempt = await deliver(delivery(receiver.port, "https"), opened())
            assert (attempt.status, attempt.failure, attempt.retry) == (None, Failure.TLS, True)
            assert receiver.requests == []


async def test_nobody_listens(opened: Opened) -> None:
    async with receiving() as receiver:
        pass
    attempt = await deliver(delivery(receiver.port), opened())
    assert (attempt.failure, attempt.retry) == (Failure.CONNECT, True)


async def test_names_that_fail_or_hang(opened: Opened) -> None:
    attempt = await deliver(delivery(8080), opened(names=Names()))
    assert (attempt.failure, attempt.retry) == (Failure.UNRESOLVED, True)

    class Hanging(Names):
        async def __call__(self, host: str) -> list[str]:
            await asyncio.sleep(60)
            return [host]

    attempt = await deliver(delivery(8080), opened(names=Hanging()), seconds=0.2)
    assert (attempt.failure, attempt.retry) == (Failure.TIMEOUT, True)


@pytest.mark.parametrize(
    "url", ["http://hooks.example:{}/", "https://127.0.0.1:{}/", "ftp://hooks.example:{}/", "http://[", ""]
)
async def test_what_is_not_allowed_is_not_sent_and_not_tried_again(opened: Opened, url: str) -> None:
    async with receiving() as receiver:
        refused = Delivery("msg_1", url.format(receiver.port), BODY, SECRETS)
        attempt = await deliver(refused, opened(allowed=""))
    assert (attempt.status, attempt.failure, attempt.retry) == (None, Failure.REFUSED, False)
    assert receiver.connections == 0


async def test_cookies_are_not_kept(opened: Opened) -> None:
    transport = opened()
    async with receiving(answer("200 OK", b"", "set-cookie: session=1; path=/")) as receiver:
        for _ in range(2):
            await deliver(delivery(receiver.port), transport)
    assert [request.headers.get("cookie") for request in receiver.requests] == [None, None]


async def test_a_cancelled_job_is_cancelled(opened: Opened) -> None:
    async with receiving(silence) as receiver:
        sending = asyncio.create_task(deliver(delivery(receiver.port), opened()))
        await asyncio.wait_for(receiver.asked.wait(), 10)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_many_at_once(opened: Opened) -> None:
    transport = opened()
    async with receiving(answer("200 OK", b"ok")) as receiver:
        attempts = await asyncio.gather(*(deliver(delivery(receiver.port), transport) for _ in range(50)))
    assert all(attempt.delivered for attempt in attempts)
    assert receiver.connections == len(receiver.requests) == 50
