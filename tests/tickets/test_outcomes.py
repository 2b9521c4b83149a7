"""What became of an answer: material for training."""

from __future__ import annotations

import threading

import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import VisitedService, problem
from tests.tickets.ticketing import GOOD, SHOWN, TICKETS, answered, created, ticket_of


def test_what_became_of_an_answer(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    ticket = answered(tickets)
    path = f"{TICKETS}/{ticket['id']}/outcome"
    assert ticket["outcome"] is None

    accepted = tickets.client.put(path, json={"outcome": "accepted", "by": "agent-7"})
    assert accepted.status_code == 200
    assert (accepted.json()["edit_distance"], accepted.json()["by"]) == (0.0, "agent-7")

    sent = SHOWN.removesuffix(" [1]").replace("7070", "7071")
    edited = tickets.client.put(path, json={"outcome": "edited", "text": sent}).json()
    assert edited["edit_distance"] == pytest.approx(1 / len(sent), abs=1e-4)  # markers are not edits
    assert ticket_of(tickets, ticket["id"])["outcome"] == edited

    rejected = tickets.client.put(path, json={"outcome": "rejected", "by": "agent-8"}).json()
    assert (rejected["edit_distance"], rejected["text"], rejected["by"]) == (None, None, "agent-8")
    other = tickets.client.put(path, json={"outcome": "rejected", "text": "Q"}).json()
    assert 0.9 < other["edit_distance"] <= 1


def test_an_outcome_is_of_the_answer_that_was_judged(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    ticket = answered(tickets)
    path = f"{TICKETS}/{ticket['id']}/outcome"
    judged = {"outcome": "rejected", "answer_id": ticket["result"]["id"]}
    assert tickets.client.put(path, json=judged).status_code == 200
    refused = tickets.client.put(path, json={"outcome": "accepted", "answer_id": "ans_before"})
    problem(refused, 409, "ticket-conflict")
    assert ticket_of(tickets, ticket["id"])["outcome"]["outcome"] == "rejected"


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome": "edited"},
        {"outcome": "edited", "text": "  "},
        {"outcome": "accepted", "text": "Something else."},
        {"outcome": "liked"},
        {},
    ],
)
def test_outcomes_that_are_none(tickets: VisitedService, asked_model: ScriptedModel, outcome: dict[str, str]) -> None:
    asked_model.respond = lambda _: GOOD
    path = f"{TICKETS}/{answered(tickets)['id']}/outcome"
    assert tickets.client.put(path, json=outcome).status_code == 422


def test_an_outcome_needs_an_answer(tickets: VisitedService, asked_model: ScriptedModel) -> None:
    go_on = threading.Event()
    asked_model.say(Reply(GOOD, waits=go_on))
    path = f"{TICKETS}/{created(tickets)['id']}"
    cancelled = tickets.client.post(f"{path}/cancel").json()
    refused = tickets.client.put(f"{path}/outcome", json={"outcome": "accepted"})
    go_on.set()
    assert cancelled["state"] == "cancelled"
    assert "cancelled" in problem(refused, 409, "ticket-conflict")["detail"]
