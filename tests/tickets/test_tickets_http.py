"""Tickets as a ticket system meets them: taken in once, found again, changed, cancelled."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import VisitedService, problem
from tests.postgresql.databases import rows
from tests.tickets.ticketing import GOOD, PORT, SHOWN, TICKETS, answered, create, created, finished, ticket_of

WHOLE: dict[str, Any] = {
    "external_id": "4711",
    "channel": "helpdesk",
    "subject": "The port",
    "requester": "customer-83",
    "labels": ["network"],
    "product_version": "2.1",
    "locale": "en-GB",
    "conversation": [{"role": "requester", "body": "Hello there."}, {"role": "agent", "body": "What can we do?"}],
    "attachments": ["screen.png"],
    "mode": "auto",
    "callback_url": "https://helpdesk.example.org/docent",
}


def test_a_ticket_becomes_a_decision(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    with tickets.program(tickets.keys["tickets"].token) as system:
        taken = system.post(TICKETS, json={"body": PORT, **WHOLE, "callback_url": None})
        ticket = taken.json()
        assert (taken.status_code, taken.headers["Location"]) == (202, f"{TICKETS}/{ticket['id']}")
        assert ticket["state"] in {"queued", "answering"}
        assert (ticket["result"], ticket["version"], ticket["finished_at"]) == (None, 1, None)
        for name in WHOLE.keys() - {"conversation", "callback_url"}:
            assert ticket[name] == WHOLE[name]
        assert [one["role"] for one in ticket["messages"]] == ["requester", "agent", "requester"]
        done = finished(tickets, ticket["id"])
        assert system.get(f"{TICKETS}/{ticket['id']}").json() == done
    result = done["result"]
    assert done["state"] == "answered"
    assert (result["decision"], result["reasons"], result["text"]) == ("reply", [], SHOWN)
    assert result["citations"][0]["quote"] == "The server listens on port 7070 by default."
    assert (result["version"], result["handoff_summary"], result["model"]) == (1, None, "scripted")
    assert result["suggested_labels"] == ["start-and-stop"]
    (one,) = result["questions"]
    assert (one["asked"], one["answer"]["id"]) == (PORT, result["id"])
    assert rows(tickets.data_dir, "SELECT count(*) FROM traces WHERE answer_id = ?", result["id"]) == [(1,)]


def test_waiting_for_the_answer(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.say(GOOD, Reply(GOOD, waits=None))
    done = create(tickets, headers={"Prefer": "respond-async, wait=30"})
    assert (done.status_code, done.headers["Preference-Applied"]) == (200, "wait=30")
    assert done.json()["result"]["text"] == SHOWN
    hurried = create(tickets, headers={"Prefer": "wait=0"})
    assert hurried.status_code == 202
    finished(tickets, hurried.json()["id"])


def test_repeats_give_what_became_of_the_first(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    key = {"Idempotency-Key": "4f0c"}
    first = create(tickets, headers=key)
    assert "Idempotent-Replayed" not in first.headers
    finished(tickets, first.json()["id"])
    again = create(tickets, headers=key)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == ticket_of(tickets, first.json()["id"])
    refused = problem(create(tickets, "How do I start the server?", headers=key), 409, "idempotency-mismatch")
    assert "Idempotency-Key" in refused["detail"]
    with tickets.program(tickets.keys["tickets"].token) as other:  # keys are those of their sender
        mine = other.post(TICKETS, json={"body": "How do I start the server?"}, headers=key)
    assert mine.json()["id"] != first.json()["id"]

    one = created(tickets, external_id="e1")
    assert create(tickets, external_id="e1").json()["id"] == one["id"]
    assert created(tickets, external_id="e1", channel="forum")["id"] != one["id"]
    refused = problem(create(tickets, "Another body?", external_id="e1"), 409, "idempotency-mismatch")
    assert one["id"] in refused["detail"]
    # A key that first came with a repeat is as good as one that came with the first.
    assert create(tickets, external_id="e1", headers={"Idempotency-Key": "late"}).json()["id"] == one["id"]
    problem(create(tickets, headers={"Idempotency-Key": "late"}), 409, "idempotency-mismatch")
    for key_that_is_none in ("", "two words", "x" * 256):
        problem(create(tickets, headers={"Idempotency-Key": key_that_is_none}), 422, "invalid-input")


@pytest.mark.parametrize("by", ["key", "external id", "both"])
def test_eight_at_the_same_moment_are_one(tickets: VisitedService, asked_model: ScriptedModel, by: str) -> None:
    asked_model.respond = lambda _: GOOD
    body: dict[str, Any] = {"body": PORT, "channel": f"at-once-{by[0]}"}
    headers = {} if by == "external id" else {"Idempotency-Key": f"at-once-{by}"}
    if by != "key":
        body["external_id"] = "42"

    def send(_: int) -> httpx.Response:
        token = {"Authorization": f"Bearer {tickets.token}"}
        return httpx.post(f"{tickets.url}{TICKETS}", json=body, headers=headers | token, timeout=60, trust_env=False)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(send, range(8)))
    assert {one.status_code for one in taken} <= {200, 202}
    (ticket_id,) = {one.json()["id"] for one in taken}
    assert [one.headers.get("Idempotent-Replayed") for one in taken].count(None) == 1
    assert rows(tickets.data_dir, "SELECT id FROM tickets WHERE channel = ?", body["channel"]) == [(ticket_id,)]
    assert rows(tickets.data_dir, "SELECT count(*) FROM jobs WHERE subject = ?", ticket_id) == [(1,)]
    finished(tickets, ticket_id)


def test_the_list_goes_page_by_page(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    made = [answered(tickets, channel="paged", requester=f"r{at % 2}", external_id=f"p{at}")["id"] for at in range(5)]
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = tickets.client.get(
            TICKETS, params={"channel": "paged", "limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        found += [one["id"] for one in page.json()["tickets"]]
        cursor, pages = page.json()["next_cursor"], pages + 1
    assert (found, pages) == (made[::-1], 3)

    def ids(**wanted: str) -> list[str]:
        return [
            one["id"] for one in tickets.client.get(TICKETS, params={"channel": "paged"} | wanted).json()["tickets"]
        ]

    assert ids(requester="r1") == [made[3], made[1]]
    assert ids(external_id="p2") == [made[2]]
    assert len(ids(state="answered", decision="draft")) == 5
    assert ids(state="failed") == ids(decision="reply") == ids(assignee="ann") == []
    moment = ticket_of(tickets, made[2])["created_at"]
    assert ids(created_after=moment) == made[:1:-1]
    assert ids(created_before=moment) == [made[1], made[0]]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"state": "open"},
        {"colour": "red"},
        {"created_after": "yesterday"},
        {"created_after": "2026-01-01T00:00:00"},
        {"created_after": "0001-01-01T00:00:00+23:59"},
        {"created_before": "9999-12-31T23:59:59-23:59"},
        {"cursor": "x"},
        {"cursor": "é"},
        {"cursor": base64.urlsafe_b64encode(b"0001-01-01T00:00:00+23:59 tkt_1").decode()},
        {"cursor": base64.urlsafe_b64encode(b"2026-01-01T00:00:00 tkt_1").decode()},
        {"cursor": base64.urlsafe_b64encode(b"2026-01-01T00:00:00+00:00 a\0b").decode()},
    ],
)
def test_queries_that_are_none(tickets: VisitedService, query: dict[str, str]) -> None:
    assert tickets.client.get(TICKETS, params=query).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"body": ""},
        {"body": PORT, "colour": "red"},
        {"body": PORT, "mode": "always"},
        {"body": PORT, "external_id": "two words"},
        {"body": PORT, "labels": [""]},
        {"body": PORT, "conversation": [{"role": "boss", "body": "Do it."}]},
        {"body": PORT, "callback_url": "ftp://helpdesk.example.org"},
        {"body": PORT, "callback_url": "http://127.0.0.1:9/hook"},
        {"body": PORT, "callback_url": "https://169.254.169.254/latest"},
        {"body": PORT, "callback_url": "https://[::1]/hook"},
    ],
)
def test_tickets_that_are_none(tickets: VisitedService, body: dict[str, Any]) -> None:
    refused = tickets.client.post(TICKETS, json=body)
    assert refused.status_code == 422, refused.text
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_half_a_character(tickets: VisitedService) -> None:
    body = b'{"body": "\\ud800"}'
    refused = tickets.client.post(TICKETS, content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text


def test_text_with_nul(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    """PostgreSQL stores none."""
    asked_model.respond = lambda _: GOOD
    ticket = answered(tickets, f"\0{PORT}", subject="a\0b", labels=["a\0b"])
    assert (ticket["subject"], ticket["labels"], ticket["result"]["text"]) == ("a b", ["a b"], SHOWN)
    path = f"{TICKETS}/{ticket['id']}"
    assert tickets.client.patch(path, json={"assignee": "\0"}).json()["assignee"] == " "
    said = {"role": "agent", "body": "a\0b"}
    assert tickets.client.post(f"{path}/messages", json=said).json()["messages"][-1]["body"] == "a b"
    assert tickets.client.post(f"{path}/messages", json=said, params={"message_id": "\0"}).status_code == 422


def test_a_ticket_that_is_too_large(tickets: VisitedService) -> None:
    problem(create(tickets, "x" * 1_000_001), 413, "body-too-large")
    long = tickets.client.post(TICKETS, json={"body": "x" * 200_001})
    assert long.status_code == 422


def test_who_may_hand_tickets_over(tickets: VisitedService) -> None:
    problem(httpx.post(f"{tickets.url}{TICKETS}", json={"body": PORT}, trust_env=False), 401, "unauthorized")
    for scope in ("chat", "admin"):
        with tickets.program(tickets.keys[scope].token) as stranger:
            problem(stranger.post(TICKETS, json={"body": PORT}), 403, "forbidden")
            problem(stranger.get(TICKETS), 403, "forbidden")
    with tickets.program(tickets.keys["tickets"].token) as system:
        assert system.get(TICKETS).status_code == 200
        problem(system.get("/api/v1/admin/jobs"), 403, "forbidden")
    with tickets.browser() as visitor:
        problem(visitor.get(TICKETS), 403, "forbidden")


def test_tickets_that_do_not_exist(tickets: VisitedService) -> None:
    path = f"{TICKETS}/tkt_{0:024x}"
    for response in (
        tickets.client.get(path),
        tickets.client.patch(path, json={"assignee": "ann"}),
        tickets.client.post(f"{path}/cancel"),
        tickets.client.post(f"{path}/messages", json={"body": "Hello?"}),
        tickets.client.put(f"{path}/outcome", json={"outcome": "accepted"}),
    ):
        problem(response, 404, "not-found")
    assert tickets.client.get(f"{TICKETS}/4711").status_code == 422


def test_changes_go_by_version(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    ticket = answered(tickets)
    path = f"{TICKETS}/{ticket['id']}"
    changed = tickets.client.patch(path, json={"assignee": "ann", "labels": ["vip"], "version": 1}).json()
    assert (changed["assignee"], changed["labels"], changed["version"]) == ("ann", ["vip"], 2)
    stale = tickets.client.patch(path, json={"assignee": "bob", "version": 1})
    assert "version 2" in problem(stale, 409, "ticket-conflict")["detail"]
    freed = tickets.client.patch(path, json={"assignee": ""}).json()
    assert (freed["assignee"], freed["labels"], freed["version"]) == ("", ["vip"], 3)


def test_changes_at_the_same_moment_are_all_done(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    path = f"{TICKETS}/{answered(tickets)['id']}"

    def say(at: int) -> int:
        with tickets.program(tickets.token) as system:
            return system.post(f"{path}/messages", json={"role": "agent", "body": f"{at}"}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(say, range(4))) == {202}
    ticket = tickets.client.get(path).json()
    assert sorted(one["body"] for one in ticket["messages"][1:]) == ["0", "1", "2", "3"]
    assert ticket["version"] == 5


def test_a_repeated_message_is_one(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    path = f"{TICKETS}/{answered(tickets)['id']}/messages"
    for _ in range(2):
        ticket = tickets.client.post(path, json={"role": "agent", "body": "Look."}, params={"message_id": "m1"}).json()
    assert (len(ticket["messages"]), ticket["version"]) == (2, 2)
