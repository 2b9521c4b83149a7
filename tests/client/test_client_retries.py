"""What is sent again, and what is not."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from docent_client import DocentError, NewTicket, TicketFilter
from tests.chat.visiting import PORT
from tests.client.relay import Relay, refusal, response

Client = Callable[..., Any]
LATER = refusal("503 Service Unavailable", "not-ready", Retry_After="1")


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_refused_call_is_repeated_when_the_service_says(client: Client, relay: Relay, status: str) -> None:
    relay.plan.append(refusal(status, "rate-limited", Retry_After="1"))
    began = time.monotonic()
    client("tickets").tickets.list(limit=1)
    assert time.monotonic() - began >= 1
    assert len(relay.requests) == 2


def test_refused_call_is_not_repeated_beyond_the_time_given(client: Client, relay: Relay) -> None:
    relay.plan.extend([refusal("429 Too Many Requests", "rate-limited", Retry_After="600")])
    with pytest.raises(DocentError, match="429 rate-limited: as the test says") as refused:
        client("tickets").tickets.list()
    assert refused.value.retry_after == 600
    assert len(relay.requests) == 1
    relay.plan.extend([LATER] * 9)
    with pytest.raises(DocentError, match="503 not-ready"):
        client("tickets", retry_seconds=1.5).tickets.list()
    assert len(relay.requests) == 3


def test_call_that_changes_something_is_repeated_after_a_refusal_too(client: Client, relay: Relay) -> None:
    relay.plan.append(refusal("503 Service Unavailable", "not-ready", Retry_After="0"))
    assert client("admin").admin.rotate_secret().secret.startswith("whsec_")
    assert len(relay.requests) == 2


def test_ticket_whose_response_is_lost_is_made_once(client: Client, relay: Relay) -> None:
    tickets, channel = client("tickets").tickets, f"c{uuid.uuid4().hex[:20]}"
    relay.plan.extend([0, 0])
    made = tickets.create(NewTicket(body=PORT, channel=channel))
    assert len(relay.requests) == 3
    assert len({line for request in relay.requests for line in request.splitlines() if "empotency" in line}) == 1
    assert [one.id for one in tickets.each(TicketFilter(channel=channel))] == [made.id]


def test_message_whose_response_is_lost_is_added_once(client: Client, relay: Relay) -> None:
    tickets = client("tickets").tickets
    made = tickets.create(NewTicket(body=PORT), wait=50)
    relay.plan.append(0)
    assert len(tickets.add_message(made.id, "We look into it.", role="agent").messages) == 2


def test_lost_connection_ends_a_call_that_would_do_something_twice(client: Client, relay: Relay) -> None:
    relay.plan.append(0)
    with pytest.raises(DocentError) as lost:
        client("admin").admin.rotate_secret()
    assert (lost.value.status, lost.value.kind) == (None, "connection")
    assert len(relay.requests) == 1


def test_service_that_is_not_there_is_tried_for_the_time_given(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = client("tickets", url=f"http://127.0.0.1:{port}", retry_seconds=0.5)
    began = time.monotonic()
    with pytest.raises(DocentError, match="no response connection: "):
        gone.tickets.list()
    assert 0.1 < time.monotonic() - began < 5


def test_readiness_is_read_and_not_waited_for(client: Client, relay: Relay) -> None:
    health = client("").health
    assert health.live().status == "ok"
    ready = health.ready()
    assert (ready.status, ready.waiting) == ("ready", {})
    relay.plan.append(response("503 Service Unavailable", {"status": "not ready", "waiting": {"engine": "starts"}}))
    assert health.ready().waiting == {"engine": "starts"}
    assert len(relay.requests) == 3


def test_answer_of_another_server_is_named_as_such(client: Client, relay: Relay) -> None:
    relay.plan.extend([response("200 OK", "<h1>Hello</h1>"), response("502 Bad Gateway", "<h1>Bad</h1>")])
    tickets = client("tickets").tickets
    with pytest.raises(DocentError, match="unexpected-response: GET /api/v1/tickets gave what is none of Docent's"):
        tickets.list()
    with pytest.raises(DocentError, match=r"502 http-502: 127\.0\.0\.1 gave 502 Bad Gateway"):
        tickets.list()
