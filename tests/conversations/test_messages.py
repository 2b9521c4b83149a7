"""Questions over HTTP: who may ask, and what happens to one that comes twice."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    GOOD,
    MESSAGES,
    PORT,
    SHOWN,
    STREAM,
    Reader,
    VisitedService,
    problem,
)


def test_who_may_ask(visited: VisitedService, visitor: httpx.Client, scripted: ScriptedModel) -> None:
    scripted.respond = lambda _: GOOD
    with visited.program(visited.keys["chat"].token) as program:
        for asking in (visitor, program, visited.client):
            answer = asking.post(MESSAGES, json={"question": PORT})
            assert (answer.status_code, answer.json()["text"]) == (200, SHOWN)
    before = len(scripted.requests)
    for token in ("nonsense", visited.keys["admin"].token, visited.keys["tickets"].token):
        with visited.program(token) as refused:
            assert refused.post(MESSAGES, json={"question": PORT}).status_code in {401, 403}
    assert len(scripted.requests) == before


@pytest.mark.parametrize("headers", [{}, STREAM])
def test_a_repeated_message_names_its_answer(
    visitor: httpx.Client, scripted: ScriptedModel, headers: dict[str, str]
) -> None:
    scripted.say(GOOD)
    message = {"question": PORT, "message_id": "message-0001"}
    first = visitor.post(MESSAGES, json=message, headers=headers)
    assert first.status_code == 200
    for again in (message, message | {"question": "Another one?"}):
        body = problem(visitor.post(MESSAGES, json=again, headers=headers), 409, "repeated-message")
        with visitor.stream("GET", f"{ANSWERS}/{body['answer_id']}/events") as response:
            *_, (_, name, last) = Reader(response).take()
        assert (name, last["answer"]["text"]) == ("answer.completed", SHOWN)
    assert len(scripted.requests) == 1


def test_a_message_that_is_repeated_while_its_answer_is_made(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    go_on = threading.Event()
    scripted.say(Reply(GOOD, waits=go_on))
    message = {"question": PORT, "message_id": "message-0002"}
    with visitor.stream("POST", MESSAGES, json=message, headers=STREAM) as response:
        begun = Reader(response).take(1)
    answer_id = problem(visitor.post(MESSAGES, json=message), 409, "repeated-message")["answer_id"]
    assert answer_id == begun[0][2]["id"]
    with visitor.stream("GET", f"{ANSWERS}/{answer_id}/events", headers={"Last-Event-ID": begun[-1][0]}) as response:
        go_on.set()
        assert Reader(response).take()[-1][1] == "answer.completed"


def test_two_visitors_may_choose_the_same_id(visited: VisitedService, scripted: ScriptedModel) -> None:
    scripted.respond = lambda _: GOOD
    message = {"question": PORT, "message_id": "12345678"}
    clients = [
        visited.browser(),
        visited.browser(),
        visited.program(visited.keys["chat"].token),
        visited.program(visited.token),
    ]
    answers = []
    for client in clients:
        with client:
            answer = client.post(MESSAGES, json=message)
            assert answer.status_code == 200
            answers.append(answer.json()["id"])
    assert len(set(answers)) == len(clients)


def test_one_message_many_times_at_once(
    visited: VisitedService, visitor: httpx.Client, scripted: ScriptedModel
) -> None:
    """One is answered, the others are told of it; and others' with the same id are not in the way."""
    scripted.respond = lambda _: GOOD
    message = {"question": PORT, "message_id": "at-once-0"}
    with ThreadPoolExecutor(8) as threads, visited.browser() as other:
        senders = [visitor] * 7 + [other]
        answers = list(threads.map(lambda client: client.post(MESSAGES, json=message), senders))
    *own, others = answers
    assert others.status_code == 200
    assert sorted(one.status_code for one in own) == [200] + [409] * 6
    (made,) = [one.json()["id"] for one in own if one.status_code == 200]
    assert {problem(one, 409, "repeated-message")["answer_id"] for one in own if one.status_code == 409} == {made}
    conversation = next(one.json()["conversation_id"] for one in own if one.status_code == 200)
    assert len(visitor.get(f"{CONVERSATIONS}/{conversation}").json()["messages"]) == 2


@pytest.mark.parametrize(
    "message_id", ["short", "x" * 65, "has space", "ünïcödé-id", "a/b/c/d/e", "", "12345678\n", 12345678]
)
def test_ids_that_are_refused(visitor: httpx.Client, message_id: object) -> None:
    problem(visitor.post(MESSAGES, json={"question": PORT, "message_id": message_id}), 422, "invalid-input")


def test_nobody_adds_to_anothers_conversation(
    visited: VisitedService, visitor: httpx.Client, scripted: ScriptedModel
) -> None:
    """Nor reads, stops, rates or escalates any of it: it is not there for them."""
    scripted.respond = lambda _: GOOD
    mine = visitor.post(MESSAGES, json={"question": PORT}).json()
    conversation, answer = f"{CONVERSATIONS}/{mine['conversation_id']}", f"{ANSWERS}/{mine['id']}"
    asked = len(scripted.requests)
    for stranger in (visited.browser(), visited.program(visited.keys["chat"].token), visited.program(visited.token)):
        with stranger:
            tried = [
                stranger.post(MESSAGES, json={"question": PORT, "conversation_id": mine["conversation_id"]}),
                stranger.get(conversation),
                stranger.get(f"{answer}/events"),
                stranger.post(f"{answer}/stop"),
                stranger.put(f"{answer}/feedback", json={"rating": "down"}),
                stranger.delete(f"{answer}/feedback"),
                stranger.post(f"{conversation}/escalation", json={}),
            ]
            for response in tried:
                body = problem(response, 404, "not-found")
                assert mine["id"] not in json.dumps(body)
    assert len(scripted.requests) == asked
    history = visitor.get(conversation).json()
    assert (len(history["messages"]), history["escalated"], history["messages"][1]["rating"]) == (2, False, None)


def test_what_is_too_large(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    problem(visitor.post(MESSAGES, json={"question": "x" * 4001}), 422, "invalid-input")
    problem(visitor.post(MESSAGES, json={"question": "x" * 64_000}), 413, "body-too-large")
    assert scripted.requests == []
    scripted.say(GOOD)
    longest = "Which port does the Lumen server listen on? ".ljust(4000, "x")
    assert visitor.post(MESSAGES, json={"question": longest}).json()["question"] == longest


def test_a_model_that_crashes_in_the_middle(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    """What was shown stays; the answer is a draft and is stored as such."""
    scripted.say(Reply(f"{GOOD} Use", breaks=True))
    with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
        read = Reader(response).take()
    assert [name for _, name, _ in read] == ["answer.started", "answer.delta", "answer.citation", "answer.completed"]
    answer = read[-1][2]["answer"]
    assert (answer["text"], answer["decision"], answer["reasons"]) == (SHOWN, "draft", ["engine_unavailable"])
    history = visitor.get(f"{CONVERSATIONS}/{answer['conversation_id']}").json()["messages"]
    assert history[1]["answer"] == answer


def test_a_failure_can_be_read_again(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    """It says why to who comes back, and leaves the question as the last message."""
    scripted.say(Reply("who are you?", status=401))
    with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
        read = Reader(response).take()
    assert [name for _, name, _ in read] == ["answer.started", "answer.failed"]
    started = read[0][2]
    with visitor.stream("GET", f"{ANSWERS}/{started['id']}/events") as response:
        assert Reader(response).take() == read
    assert visitor.post(f"{ANSWERS}/{started['id']}/stop").status_code == 204
    (message,) = visitor.get(f"{CONVERSATIONS}/{started['conversation_id']}").json()["messages"]
    assert (message["role"], message["content"], message["answer_id"]) == ("user", PORT, started["id"])
