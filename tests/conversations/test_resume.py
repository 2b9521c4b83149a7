"""Streams that are cut and go on: the joined events are those of an uncut stream."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    GOOD,
    KEPT,
    MESSAGES,
    PORT,
    SHOP,
    STREAM,
    Event,
    Reader,
    VisitedService,
    problem,
)
from tests.service.serving import Service, until

BOTH = "Which port does the server listen on, and how do I choose another port?"
TWO_SENTENCES = f"{GOOD} Use `--port` to choose another port [1]."
NAMES = ["started", "delta", "citation", "delta", "citation", "completed"]


def ask(client: httpx.Client, question: str, count: int | None = None) -> list[Event]:
    """The first `count` events of a new answer, then the connection is cut; all for None."""
    with client.stream("POST", MESSAGES, json={"question": question}, headers=STREAM) as response:
        return Reader(response).take(count)


def resume(client: httpx.Client, answer_id: str, last: str = "", count: int | None = None) -> list[Event]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", f"{ANSWERS}/{answer_id}/events", headers=headers) as response:
        return Reader(response).take(count)


def id_of(read: list[Event]) -> str:
    answer_id: str = read[0][2]["id"]
    return answer_id


def test_every_cut_of_a_finished_answer(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    scripted.say(TWO_SENTENCES)
    uncut = ask(visitor, BOTH)
    assert [name for _, name, _ in uncut] == [f"answer.{name}" for name in NAMES]
    answer_id = id_of(uncut)
    assert [number for number, _, _ in uncut] == [f"{answer_id}:{at}" for at in range(1, 7)]
    assert resume(visitor, answer_id) == uncut
    assert resume(visitor, answer_id, f"{answer_id}:0") == uncut
    for cut in range(1, 7):
        assert uncut[:cut] + resume(visitor, answer_id, f"{answer_id}:{cut}") == uncut
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_every_cut_of_an_answer_in_the_making(visitor: httpx.Client, scripted: ScriptedModel, cut: int) -> None:
    """The rest comes after the reader is back; three events are all that is there before."""
    go_on = threading.Event()
    scripted.say(Reply(TWO_SENTENCES, waits=go_on))
    first = ask(visitor, BOTH, cut)
    answer_id = id_of(first)
    with visitor.stream("GET", f"{ANSWERS}/{answer_id}/events", headers={"Last-Event-ID": first[-1][0]}) as response:
        reader = Reader(response)
        second = reader.take(3 - cut)
        go_on.set()
        joined = first + second + reader.take()
    assert [name for _, name, _ in joined] == [f"answer.{name}" for name in NAMES]
    assert joined == resume(visitor, answer_id)
    assert not scripted.abandoned.is_set()
    assert len(scripted.requests) == 1


def test_a_stream_that_is_cut_after_every_event(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    scripted.say(TWO_SENTENCES)
    joined = ask(visitor, BOTH, 1)
    while joined[-1][1] != "answer.completed":
        joined += resume(visitor, id_of(joined), joined[-1][0], 1)
    assert joined == resume(visitor, id_of(joined))


def test_after_a_restart(indexed: Path, scripted: ScriptedModel, visited: VisitedService, tmp_path: Path) -> None:
    """From the database, with the session of before."""
    settings = {"LLM__BASE_URL": scripted.base_url}
    with VisitedService(tmp_path / "one", indexed, **settings) as service, service.browser() as visitor:
        scripted.say(TWO_SENTENCES)
        uncut = ask(visitor, BOTH)
        scripted.say(Reply(GOOD, waits=threading.Event()))  # never: it is lost with the service
        with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
            lost = Reader(response).take(1)
        headers = dict(visitor.headers)
        service.process.kill()
        service.process.wait(60)
    answer_id = id_of(uncut)
    with (
        Service(tmp_path / "two", service.data_dir, **settings) as again,
        httpx.Client(base_url=again.url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        for cut in range(7):
            assert uncut[:cut] + resume(client, answer_id, f"{answer_id}:{cut}") == uncut
        problem(client.get(f"{ANSWERS}/{id_of(lost)}/events"), 404, "not-found")
        history = client.get(f"{CONVERSATIONS}/{lost[0][2]['conversation_id']}").json()["messages"]
        assert [(one["role"], one["content"]) for one in history] == [("user", PORT)]
    assert visited.process.poll() is None


@pytest.mark.parametrize(
    "last",
    [
        "7",
        "{id}",
        "{id}:",
        "{id}:-1",
        "{id}:1.0",
        "{id}:x",
        "{id}:7",
        "{id}:999999",
        "{id}:9999999",
        "ans_000000000000000000000000:1",
        "{id}:1:1",
        "' or 1=1",
        "x" * 5000,
    ],
)
def test_wrong_last_event_ids(visitor: httpx.Client, scripted: ScriptedModel, last: str) -> None:
    scripted.say(TWO_SENTENCES)
    answer_id = id_of(ask(visitor, BOTH))
    path, sent = f"{ANSWERS}/{answer_id}/events", last.replace("{id}", answer_id)
    assert (
        "Last-Event-ID" in problem(visitor.get(path, headers={"Last-Event-ID": sent}), 422, "invalid-input")["detail"]
    )


def test_answers_that_are_not_there(visitor: httpx.Client) -> None:
    problem(visitor.get(f"{ANSWERS}/ans_{0:024x}/events"), 404, "not-found")
    for wrong in ("ans_1", f"ans_{0:024X}G", "x" * 3000, "%00", "..%2f..", f"ans_{0:024x}%0a"):
        assert visitor.get(f"{ANSWERS}/{wrong}/events").status_code in {404, 422}


def test_two_readers_at_once(visitor: httpx.Client, scripted: ScriptedModel) -> None:
    """One goes in the middle, which is nothing to the other."""
    go_on = threading.Event()
    scripted.say(Reply(TWO_SENTENCES, waits=go_on))
    with visitor.stream("POST", MESSAGES, json={"question": BOTH}, headers=STREAM) as one:
        first = Reader(one)
        begun = first.take(3)
        answer_id = id_of(begun)
        assert resume(visitor, answer_id, "", 2) == begun[:2]
        with visitor.stream("GET", f"{ANSWERS}/{answer_id}/events") as other:
            second = Reader(other)
            assert second.take(3) == begun
            go_on.set()
            rest = first.take()
            assert second.take() == rest
    assert [name for _, name, _ in rest] == ["answer.delta", "answer.citation", "answer.completed"]
    assert len(scripted.requests) == 1


def test_a_reader_that_goes_leaves_no_trouble_in_the_log(
    visited: VisitedService, visitor: httpx.Client, scripted: ScriptedModel
) -> None:
    before = len(visited.log())
    for cut in range(1, 4):
        go_on = threading.Event()
        scripted.say(Reply(TWO_SENTENCES, waits=go_on))
        begun = ask(visitor, BOTH, cut)
        for _ in range(3):
            assert resume(visitor, id_of(begun), "", cut) == begun
        go_on.set()
        assert resume(visitor, id_of(begun))[-1][1] == "answer.completed"
    assert [line for line in visited.log()[before:] if line["level"] not in {"info", "debug"}] == []


def test_an_answer_that_nobody_reads_is_stopped(
    indexed: Path, scripted: ScriptedModel, visited: VisitedService, tmp_path: Path
) -> None:
    """After the time to come back, counted from when the last reader left; then the model is left alone, too."""
    settings = {"LLM__BASE_URL": scripted.base_url, "SERVER__RESUME_SECONDS": "2"}
    never = threading.Event()
    with VisitedService(tmp_path, indexed, **settings) as service, service.browser() as visitor:
        scripted.say(Reply(TWO_SENTENCES, waits=never))
        begun = ask(visitor, BOTH, 3)
        answer_id = id_of(begun)
        pause = threading.Event()
        for _ in range(4):  # back each second: in all longer than it may be alone
            assert resume(visitor, answer_id, "", 3) == begun
            pause.wait(1)
        assert resume(visitor, answer_id, "", 3) == begun
        assert not scripted.abandoned.is_set()
        until(scripted.abandoned.is_set)
        rest = resume(visitor, answer_id, begun[-1][0])
        assert [name for _, name, _ in rest] == ["answer.failed"]
        assert rest[0][2]["problem"]["type"] == "urn:docent:problem:stopped"
        conversation = begun[0][2]["conversation_id"]
        _, stopped = visitor.get(f"{CONVERSATIONS}/{conversation}").json()["messages"]
        assert (stopped["content"], stopped["answer"]) == (KEPT, None)
    never.set()
    assert visited.process.poll() is None


def test_what_is_of_another_site_or_visitor(
    visited: VisitedService, visitor: httpx.Client, scripted: ScriptedModel
) -> None:
    scripted.say(TWO_SENTENCES)
    answer_id = id_of(ask(visitor, BOTH))
    strangers = [
        visited.browser(),
        visited.browser(visited.session(visited.shop, SHOP), SHOP),
        visited.program(visited.keys["chat"].token),
        visited.program(visited.token),
    ]
    for stranger in strangers:
        with stranger:
            problem(stranger.get(f"{ANSWERS}/{answer_id}/events"), 404, "not-found")
            last = {"Last-Event-ID": f"{answer_id}:3"}
            problem(stranger.get(f"{ANSWERS}/{answer_id}/events", headers=last), 404, "not-found")
