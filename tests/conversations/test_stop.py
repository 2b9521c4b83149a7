"""Answers that are stopped: by who asked, late, twice, and by the end of the service."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    GOOD,
    KEPT,
    MESSAGES,
    PORT,
    SHOWN,
    STREAM,
    Reader,
    VisitedService,
    problem,
)
from tests.service.serving import Service, until

STOPPED = "urn:docent:problem:stopped"


def test_in_the_middle(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    """What was shown is kept, the readers hear of it, and the model is left alone."""
    never = threading.Event()
    scripted.say(Reply(f"{GOOD} Use", waits=never))
    with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
        reader = Reader(response)
        begun = reader.take(3)
        answer_id, conversation = begun[0][2]["id"], begun[0][2]["conversation_id"]
        (waiting,) = visitor.get(f"{CONVERSATIONS}/{conversation}").json()["messages"]
        assert (waiting["role"], waiting["answer_id"]) == ("user", answer_id)
        assert visitor.post(f"{ANSWERS}/{answer_id}/stop").status_code == 204
        ((number, name, last),) = reader.take()
    assert (number, name, last["problem"]["type"]) == (f"{answer_id}:4", "answer.failed", STOPPED)
    until(scripted.abandoned.is_set)
    never.set()
    _, message = visitor.get(f"{CONVERSATIONS}/{conversation}").json()["messages"]
    assert (message["role"], message["content"], message["answer"]) == ("assistant", KEPT, None)
    assert (message["answer_id"], message["rating"]) == (answer_id, None)
    with visitor.stream("GET", f"{ANSWERS}/{answer_id}/events") as response:
        assert Reader(response).take() == [*begun, (number, name, last)]
    problem(visitor.put(f"{ANSWERS}/{answer_id}/feedback", json={"rating": "up"}), 404, "not-found")


def test_before_anything_was_shown(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    never = threading.Event()
    scripted.say(Reply("", waits=never), GOOD)
    with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
        reader = Reader(response)
        ((_, _, started),) = reader.take(1)
        until(lambda: len(scripted.requests) == 1)
        assert visitor.post(f"{ANSWERS}/{started['id']}/stop").status_code == 204
        assert [name for _, name, _ in reader.take()] == ["answer.failed"]
    never.set()
    conversation = {"conversation_id": started["conversation_id"]}
    _, stopped = visitor.get(f"{CONVERSATIONS}/{started['conversation_id']}").json()["messages"]
    assert (stopped["content"], stopped["answer"]) == ("", None)
    scripted.replies.clear()
    scripted.respond = lambda _: GOOD
    assert visitor.post(MESSAGES, json={"question": PORT, **conversation}).json()["text"] == SHOWN
    roles = [one["role"] for one in visitor.get(f"{CONVERSATIONS}/{started['conversation_id']}").json()["messages"]]
    assert roles == ["user", "assistant", "user", "assistant"]


def test_many_times_at_once(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    never = threading.Event()
    scripted.say(Reply(f"{GOOD} Use", waits=never))
    with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
        reader = Reader(response)
        begun = reader.take(3)
        path = f"{ANSWERS}/{begun[0][2]['id']}/stop"
        with ThreadPoolExecutor(6) as threads:
            stopped = list(threads.map(lambda _: visitor.post(path).status_code, range(6)))
        assert len(reader.take()) == 1
    never.set()
    assert set(stopped) == {204}
    history = visitor.get(f"{CONVERSATIONS}/{begun[0][2]['conversation_id']}").json()["messages"]
    assert [one["role"] for one in history] == ["user", "assistant"]


def test_too_late(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    scripted.say(GOOD)
    answer = visitor.post(MESSAGES, json={"question": PORT}).json()
    path = f"{CONVERSATIONS}/{answer['conversation_id']}"
    before = visitor.get(path).json()
    for _ in range(2):
        assert visitor.post(f"{ANSWERS}/{answer['id']}/stop").status_code == 204
    assert visitor.get(path).json() == before
    assert before["messages"][1]["answer"] == answer
    problem(visitor.post(f"{ANSWERS}/ans_{0:024x}/stop"), 404, "not-found")


def test_one_that_waits_for_its_answer_as_json_is_told(
    visitor: httpx.Client, visited: VisitedService, scripted: ScriptedModel
) -> None:
    never = threading.Event()
    scripted.say(Reply(GOOD, waits=never))
    message = {"question": PORT, "message_id": "waits-as-json"}
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(visitor.post, MESSAGES, json=message)
        until(lambda: len(scripted.requests) == 1)
        with visited.browser(visitor.headers["Authorization"].removeprefix("Bearer ")) as other:
            answer_id = problem(other.post(MESSAGES, json=message), 409, "repeated-message")["answer_id"]
            assert other.post(f"{ANSWERS}/{answer_id}/stop").status_code == 204
        problem(waiting.result(60), 409, "stopped")
    never.set()


def test_by_the_end_of_the_service(
    indexed: Path, scripted: ScriptedModel, visited: VisitedService, tmp_path: Path
) -> None:
    """A stream that is read is finished first; one that nobody reads is stopped, and what was shown of it is kept."""
    settings = {"LLM__BASE_URL": scripted.base_url, "SERVER__RESUME_SECONDS": "600"}
    go_on, never = threading.Event(), threading.Event()
    with VisitedService(tmp_path / "one", indexed, **settings) as service, service.browser() as visitor:
        scripted.say(Reply(f"{GOOD} Use", waits=never))
        with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
            left = Reader(response).take(3)
        scripted.say(Reply(GOOD, waits=go_on))
        with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
            reader = Reader(response)
            reader.take(1)
            until(lambda: len(scripted.requests) == 2)
            service.terminate()
            go_on.set()
            assert reader.take()[-1][1] == "answer.completed"
        assert service.process.wait(60) == 0
        assert [line for line in service.log() if line["level"] in {"error", "critical"}] == []
        headers = dict(visitor.headers)
    until(scripted.abandoned.is_set)
    never.set()
    with (
        Service(tmp_path / "two", service.data_dir, **settings) as again,
        httpx.Client(base_url=again.url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        _, stopped = client.get(f"{CONVERSATIONS}/{left[0][2]['conversation_id']}").json()["messages"]
        assert (stopped["content"], stopped["answer"]) == (KEPT, None)
    assert visited.process.poll() is None
