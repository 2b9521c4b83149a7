"""Tickets through the client, sync and async, on a running service."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from docent_client import DocentError, NewTicket, Said, TicketFilter
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import GOOD, PORT, SHOWN

Client = Callable[..., Any]
WAIT = 50  # seconds; it takes a fraction of one


def ticket(**fields: Any) -> NewTicket:
    return NewTicket(**{"body": PORT, "external_id": uuid.uuid4().hex, "requester": "customer-83", **fields})


def test_ticket_is_created_answered_and_read_again(client: Client) -> None:
    tickets = client("tickets").tickets
    given = ticket(subject="Port", labels=["network"], conversation=[Said(role="agent", body="How can I help?")])
    made = tickets.create(given, wait=WAIT)
    assert made.state == "answered"
    assert (made.subject, made.labels, made.external_id) == ("Port", ["network"], given.external_id)
    assert [message.role for message in made.messages] == ["agent", "requester"]
    assert made.result.decision == "draft"
    assert made.result.reasons == ["draft_mode"]
    assert SHOWN in made.result.text
    assert made.result.citations[0].quote in SHOWN
    assert tickets.get(made.id) == made


def test_the_same_key_gives_the_same_ticket_and_another_body_is_refused(client: Client) -> None:
    tickets, key = client("tickets").tickets, uuid.uuid4().hex
    first = tickets.create(NewTicket(body=PORT), idempotency_key=key)
    assert tickets.create(NewTicket(body=PORT), idempotency_key=key).id == first.id
    with pytest.raises(DocentError, match="409 idempotency-mismatch: ") as refused:
        tickets.create(NewTicket(body="Something else?"), idempotency_key=key)
    assert (refused.value.status, refused.value.kind) == (409, "idempotency-mismatch")
    assert tickets.create(NewTicket(body=PORT)).id != first.id  # without a key of one's own, each is another


def test_each_goes_through_all_pages(client: Client) -> None:
    tickets, channel = client("tickets").tickets, f"c{uuid.uuid4().hex[:20]}"
    made = [tickets.create(ticket(channel=channel)).id for _ in range(5)]
    wanted = TicketFilter(channel=channel)
    assert [one.id for one in tickets.each(wanted, page=2)] == made[::-1]
    page = tickets.list(wanted, limit=2)
    assert [one.id for one in page.tickets] == made[:2:-1]
    assert [one.id for one in tickets.list(wanted, limit=2, cursor=page.next_cursor).tickets] == made[2:0:-1]
    assert list(tickets.each(TicketFilter(channel=channel, requester="nobody"))) == []


def test_ticket_is_changed_added_to_and_judged(client: Client) -> None:
    tickets = client("tickets").tickets
    made = tickets.create(ticket(), wait=WAIT)
    changed = tickets.change(made.id, assignee="agent-7", labels=["a", "b"], version=made.version)
    assert (changed.assignee, changed.labels, changed.version) == ("agent-7", ["a", "b"], made.version + 1)
    with pytest.raises(DocentError, match="409 ticket-conflict"):
        tickets.change(made.id, subject="late", version=made.version)
    outcome = tickets.set_outcome(made.id, "edited", text="It is 7070.", by="agent-7")
    assert (outcome.outcome, outcome.text, outcome.by) == ("edited", "It is 7070.", "agent-7")
    assert 0 < outcome.edit_distance < 1
    assert tickets.get(made.id).outcome == outcome
    assert tickets.add_message(made.id, "We look into it.", role="agent").state == "answered"
    reopened = tickets.add_message(made.id, "And on macOS?", message_id="m-1")
    assert reopened.finished_at is None
    assert len(tickets.add_message(made.id, "And on macOS?", message_id="m-1").messages) == len(reopened.messages)


def test_cancelled_ticket_stays_so_and_a_finished_one_cannot_be(client: Client, model: ScriptedModel) -> None:
    tickets = client("tickets").tickets
    finished = tickets.create(ticket(), wait=WAIT)
    with pytest.raises(DocentError, match="409 ticket-conflict"):
        tickets.cancel(finished.id)
    on = threading.Event()
    model.say(Reply(GOOD, waits=on))  # which keeps the next ticket open
    try:
        made = tickets.create(ticket())
        assert tickets.cancel(made.id).state == "cancelled"
        assert tickets.cancel(made.id).state == "cancelled"
    finally:
        on.set()
        model.replies.clear()


def test_errors_say_what_the_service_said(client: Client) -> None:
    tickets = client("tickets").tickets
    with pytest.raises(DocentError) as missing:
        tickets.get(f"tkt_{'0' * 24}")
    assert (missing.value.status, missing.value.kind) == (404, "not-found")
    with pytest.raises(DocentError) as wrong:
        tickets.get("../admin/jobs")
    assert wrong.value.status in {404, 422}
    with pytest.raises(DocentError) as invalid:
        tickets.list(limit=1000)
    assert (invalid.value.status, invalid.value.kind) == (422, "invalid-input")
    assert [one["at"] for one in invalid.value.problem["errors"]] == ["query.limit"]
    with pytest.raises(DocentError, match="403 forbidden: this key is for chat"):
        client("chat").tickets.list()
    with pytest.raises(DocentError, match="401 "):
        client("dk_none").tickets.list()
