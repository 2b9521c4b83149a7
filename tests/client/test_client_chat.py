"""Questions through the client, over connections that break."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from docent_client import DocentError
from docent_client.models import AnswerCitation, AnswerCompleted, AnswerDelta, AnswerStarted
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import CONVERSATIONS, GOOD, PORT, SHOWN
from tests.client.relay import Relay, refusal
from tests.service.serving import Service

Client = Callable[..., Any]


def check(events: list[Any]) -> AnswerCompleted:
    """Every event came once, in its place."""
    kinds = [type(event) for event in events]
    assert kinds == [AnswerStarted, AnswerDelta, AnswerCitation, AnswerCompleted]
    started, delta, citation, completed = events
    assert started.id == completed.answer.id
    assert delta.text == completed.answer.text == SHOWN
    assert [citation.citation] == completed.answer.citations
    last: AnswerCompleted = completed
    return last


def questions(service: Service, keys: dict[str, str], conversation_id: str) -> list[str]:
    headers = {"Authorization": f"Bearer {keys['chat']}"}
    read = httpx.get(f"{service.url}{CONVERSATIONS}/{conversation_id}", headers=headers, trust_env=False).json()
    return [message["content"] for message in read["messages"] if message["role"] == "user"]


def test_answer_as_a_whole_and_a_follow_up(client: Client, service: Service, keys: dict[str, str]) -> None:
    chat = client("chat").chat
    answer = chat.ask(PORT)
    assert (answer.question, answer.text) == (PORT, SHOWN)
    assert answer.citations[0].quote in SHOWN
    again = chat.ask(PORT, conversation_id=answer.conversation_id)
    assert again.conversation_id == answer.conversation_id
    assert questions(service, keys, answer.conversation_id) == [PORT, PORT]


def test_answer_as_events(client: Client) -> None:
    check(list(client("chat").chat.stream(PORT)))


@pytest.mark.parametrize("cuts", [[0], [100], [900, 400], [1300, 0, 700], [1600]], ids=str)
def test_stream_goes_on_where_the_connection_broke(
    client: Client, relay: Relay, service: Service, keys: dict[str, str], cuts: list[int]
) -> None:
    relay.plan.extend(cuts)
    last = check(list(client("chat").chat.stream(PORT)))
    assert len(relay.requests) > len(cuts)
    assert questions(service, keys, last.answer.conversation_id) == [PORT]  # it was asked once


def test_question_is_not_asked_twice_when_its_response_is_lost(
    client: Client, relay: Relay, service: Service, keys: dict[str, str]
) -> None:
    relay.plan.extend([0])
    answer = client("chat").chat.ask(PORT)
    assert [request.split(" ", 2)[0] for request in relay.requests] == ["POST", "POST", "GET"]
    assert f"/answers/{answer.id}/events" in relay.requests[-1]
    assert questions(service, keys, answer.conversation_id) == [PORT]


def test_connection_is_made_anew_five_times_at_most(client: Client, relay: Relay) -> None:
    relay.plan.extend([900] + [0] * 20)
    with pytest.raises(DocentError, match="no response connection") as broken:
        client("chat").chat.ask(PORT)
    assert broken.value.status is None
    assert len(relay.requests) == 6


def test_refused_question_is_asked_again_later(client: Client, relay: Relay) -> None:
    relay.plan.extend([refusal("503 Service Unavailable", "not-ready", Retry_After="0")])
    check(list(client("chat").chat.stream(PORT)))
    assert len(relay.requests) == 2


def test_stopped_answer_raises_with_what_was_shown_before(client: Client, model: ScriptedModel) -> None:
    on = threading.Event()
    model.say(Reply(f"{GOOD}\n\nMore of it", waits=on))
    chat = client("chat").chat
    try:
        events = chat.stream(PORT)
        started, delta = next(events), next(events)
        assert delta.text.startswith(SHOWN)
        chat.stop(started.id)
        with pytest.raises(DocentError, match="409 stopped: ") as stopped:
            list(events)
        assert stopped.value.problem["type"] == "urn:docent:problem:stopped"
    finally:
        on.set()


def test_error_of_the_question_is_raised_at_once(client: Client, relay: Relay) -> None:
    chat = client("chat").chat
    with pytest.raises(DocentError, match="422 invalid-input"):
        chat.ask("  ")
    with pytest.raises(DocentError, match="404 not-found"):
        chat.ask(PORT, conversation_id=f"conv_{'0' * 24}")
    assert len(relay.requests) == 2
