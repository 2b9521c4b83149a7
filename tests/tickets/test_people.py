"""Never over a person: what somebody does to a ticket while it is answered, or before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.callbacks.beside import receiving_beside
from tests.chat.visiting import problem
from tests.postgresql.databases import rows
from tests.service.serving import Service, until
from tests.tickets.conftest import Serve
from tests.tickets.ticketing import GOOD, PORT, SHOWN, TICKETS, answered, created, finished, ticket_of

LOGS = "Where does Lumen write its log files?"
LOGS_SAID = "Lumen writes its log files to `/var/log/lumen` [1]."
LOOPBACK = {"TICKETS__CALLBACK_HOSTS": "127.0.0.0/8"}


def said(prompt: str) -> str:
    """What the model says to either question."""
    return LOGS_SAID if "log files?" in prompt else GOOD


@contextmanager
def being_answered(service: Service, model: ScriptedModel, **values: Any) -> Iterator[dict[str, Any]]:
    """A ticket whose answer is nearly done; it is finished at the end of the block."""
    asked, go_on = len(model.requests), threading.Event()
    model.say(Reply(GOOD, waits=go_on))
    ticket = created(service, mode="auto", **values)
    try:
        until(lambda: len(model.requests) > asked)
        assert ticket_of(service, ticket["id"])["state"] == "answering"
        yield ticket
    finally:
        go_on.set()


def path_of(ticket: dict[str, Any]) -> str:
    return f"{TICKETS}/{ticket['id']}"


@pytest.mark.parametrize(
    ("values", "decision", "reasons"),
    [
        ({"mode": "auto"}, "reply", []),
        ({"mode": "draft"}, "draft", ["draft_mode"]),
        ({"mode": "auto", "assignee": "ann"}, "draft", ["assigned"]),
        ({"assignee": "ann"}, "draft", ["draft_mode", "assigned"]),
    ],
)
def test_how_the_ticket_came(
    tickets: Service, asked_model: ScriptedModel, values: dict[str, str], decision: str, reasons: list[str]
) -> None:
    asked_model.respond = said
    result = answered(tickets, **values)["result"]
    assert (result["decision"], result["reasons"], result["text"]) == (decision, reasons, SHOWN)
    assert result["questions"][0]["answer"]["decision"] == "reply"


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"assignee": "ann"}, ["assigned", "changed"]),
        ({"labels": ["vip"]}, ["changed"]),
        ({"subject": "Another"}, ["changed"]),
        ({"mode": "draft"}, ["draft_mode", "changed"]),
    ],
)
def test_a_change_while_it_is_answered(
    tickets: Service, asked_model: ScriptedModel, change: dict[str, Any], reasons: list[str]
) -> None:
    with being_answered(tickets, asked_model) as ticket:
        assert tickets.client.patch(path_of(ticket), json=change).json()["version"] == 2
    result = finished(tickets, ticket["id"])["result"]
    assert (result["decision"], result["reasons"], result["version"]) == ("draft", reasons, 1)


def test_a_person_who_answers_first(tickets: Service, asked_model: ScriptedModel) -> None:
    with being_answered(tickets, asked_model) as ticket:
        said_first = {"role": "agent", "body": "It is 7070."}
        changed = tickets.client.post(f"{path_of(ticket)}/messages", json=said_first).json()
        assert (changed["state"], changed["job_id"]) == ("answering", ticket["job_id"])
    result = finished(tickets, ticket["id"])["result"]
    assert (result["decision"], result["reasons"]) == ("draft", ["changed"])


def test_a_person_who_answers_while_the_ticket_waits(tickets: Service, asked_model: ScriptedModel) -> None:
    with being_answered(tickets, asked_model) as first:
        waiting = created(tickets, mode="auto")
        tickets.client.post(f"{path_of(waiting)}/messages", json={"role": "agent", "body": "It is 7070."})
        labelled = created(tickets, mode="auto")
        tickets.client.patch(path_of(labelled), json={"labels": ["network"]})
        asked_model.respond = said
    result = finished(tickets, waiting["id"])["result"]
    assert (result["decision"], result["reasons"]) == ("draft", ["changed"])
    # What was changed before the answer was begun is no reason: it is of the ticket as it is.
    result = finished(tickets, labelled["id"])["result"]
    assert (result["decision"], result["version"]) == ("reply", 2)
    assert finished(tickets, first["id"])["result"]["decision"] == "reply"


def test_the_requester_adds_something_while_it_is_answered(serve: Serve, model: ScriptedModel) -> None:
    service = serve(**LOOPBACK)
    model.respond = said
    with receiving_beside() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook"
        with being_answered(service, model, callback_url=url) as ticket:
            again = service.client.post(f"{path_of(ticket)}/messages", json={"body": LOGS})
            assert (again.status_code, again.json()["state"]) == (202, "queued")
            assert again.json()["job_id"] != ticket["job_id"]
        done = finished(service, ticket["id"])
        until(lambda: bool(receiver.requests))
        # The run that was under way is over before the next ticket's: what it could have told is told by then.
        finished(service, created(service, callback_url=url)["id"])
        until(lambda: len(receiver.requests) >= 2)
        assert len(receiver.requests) == 2
    assert [one["asked"] for one in done["result"]["questions"]] == [PORT, LOGS]
    assert (done["result"]["decision"], done["result"]["version"]) == ("reply", 2)
    stored = rows(
        service.data_dir, "SELECT count(*) FROM messages WHERE conversation_id = ?", done["result"]["conversation_id"]
    )
    assert stored == [(2,)]


def test_an_answered_ticket_is_reopened(tickets: Service, asked_model: ScriptedModel) -> None:
    asked_model.respond = said
    ticket = answered(tickets, mode="auto")
    path = f"{path_of(ticket)}/messages"
    quiet = tickets.client.post(path, json={"role": "agent", "body": "I have sent that."}).json()
    assert (quiet["state"], quiet["result"]["id"]) == ("answered", ticket["result"]["id"])
    reopened = tickets.client.post(path, json={"body": LOGS}).json()
    assert (reopened["state"], reopened["finished_at"], reopened["version"]) == ("queued", None, 3)
    done = finished(tickets, ticket["id"])
    assert done["result"]["id"] != ticket["result"]["id"]
    assert [one["asked"] for one in done["result"]["questions"]] == [LOGS]
    assert done["result"]["decision"] == "reply"
    tickets.client.post(path, json={"body": PORT})  # nobody spoke in between, but it was answered
    assert [one["asked"] for one in finished(tickets, ticket["id"])["result"]["questions"]] == [PORT]


def test_a_ticket_that_is_cancelled_while_it_is_answered(serve: Serve, model: ScriptedModel) -> None:
    service = serve(**LOOPBACK)
    model.respond = said
    with receiving_beside() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook"
        with being_answered(service, model, callback_url=url) as ticket:
            for _ in range(2):  # the second time nothing happens
                cancelled = service.client.post(f"{path_of(ticket)}/cancel")
                assert (cancelled.status_code, cancelled.json()["version"]) == (200, 2)
            until(lambda: _job(service, ticket)["state"] == "cancelled")
        other = answered(service, callback_url=url)
        until(lambda: bool(receiver.requests))
        assert len(receiver.requests) == 1
    done = ticket_of(service, ticket["id"])
    assert (done["state"], done["result"], done["error"]) == ("cancelled", None, None)
    refused = service.client.post(f"{path_of(other)}/cancel")
    assert "answered" in problem(refused, 409, "ticket-conflict")["detail"]


def _job(service: Service, ticket: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = service.client.get(f"/api/v1/admin/jobs/{ticket['job_id']}").json()
    return found
