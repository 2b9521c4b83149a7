"""What a visitor sees when it comes back: the conversation, its ratings, and the call for a person."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    GOOD,
    MESSAGES,
    PORT,
    SHOWN,
    VisitedService,
    problem,
)
from tests.service.serving import docent

LOGS = "Where does Lumen write its log files?"


@pytest.fixture(scope="module")
def service(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedService]:
    with ScriptedModel() as model:
        model.respond = lambda prompt: (
            "Lumen writes its log files to `/var/log/lumen` [1]." if prompt.endswith(LOGS) else GOOD
        )
        with VisitedService(tmp_path_factory.mktemp("history"), indexed, LLM__BASE_URL=model.base_url) as started:
            yield started


@pytest.fixture
def visitor(service: VisitedService) -> Iterator[httpx.Client]:
    with service.browser() as client:
        yield client


def _ask(visitor: httpx.Client, question: str = PORT, conversation_id: str | None = None) -> dict[str, str]:
    response = visitor.post(MESSAGES, json={"question": question, "conversation_id": conversation_id})
    assert response.status_code == 200
    answer: dict[str, str] = response.json()
    return answer


def _rate(visitor: httpx.Client, path: str, rating: str) -> httpx.Response:
    return visitor.put(path, json={"rating": rating})


def _call(visitor: httpx.Client, path: str, at: int) -> httpx.Response:
    return visitor.post(path, json={"message": f"word{at}"})


def _lines(service: VisitedService, command: str) -> list[dict[str, object]]:
    done = docent(service.data_dir, command, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_conversation(visitor: httpx.Client) -> None:
    first = _ask(visitor)
    second = _ask(visitor, LOGS, first["conversation_id"])
    history = visitor.get(f"{CONVERSATIONS}/{first['conversation_id']}").json()
    assert (history["id"], history["escalated"]) == (first["conversation_id"], False)
    said = [
        (one["role"], one["content"], one["answer_id"], one["answer"], one["rating"]) for one in history["messages"]
    ]
    assert said == [
        ("user", PORT, first["id"], None, None),
        ("assistant", SHOWN, first["id"], first, None),
        ("user", LOGS, second["id"], None, None),
        ("assistant", second["text"], second["id"], second, None),
    ]
    assert len({one["id"] for one in history["messages"]}) == 4
    times = [datetime.fromisoformat(one["created_at"]) for one in history["messages"]]
    assert times == sorted(times)
    assert datetime.now(UTC) - timedelta(minutes=2) < times[0] <= datetime.now(UTC)


def test_conversations_that_are_not_there(visitor: httpx.Client) -> None:
    problem(visitor.get(f"{CONVERSATIONS}/conv_{0:024x}"), 404, "not-found")
    for wrong in ("conv_1", f"ans_{0:024x}", "x" * 2000, "%27%20or%201=1", f"conv_{0:024x}%00"):
        assert visitor.get(f"{CONVERSATIONS}/{wrong}").status_code in {404, 422}


def test_a_rating_replaces_the_one_before(service: VisitedService, visitor: httpx.Client) -> None:
    answer = _ask(visitor)
    path, history = f"{ANSWERS}/{answer['id']}/feedback", f"{CONVERSATIONS}/{answer['conversation_id']}"

    def ratings() -> list[object]:
        return [one["rating"] for one in visitor.get(history).json()["messages"]]

    rated = visitor.put(path, json={"rating": "up"})
    assert (rated.status_code, rated.json()) == (200, {"rating": "up", "comment": ""})
    assert ratings() == [None, "up"]
    given = {"rating": "down", "comment": " Wrong port.\nIt is 7171.\0 "}
    assert visitor.put(path, json=given).json() == {"rating": "down", "comment": "Wrong port.\nIt is 7171."}
    assert ratings() == [None, "down"]
    (printed,) = [one for one in _lines(service, "feedback") if one["answer_id"] == answer["id"]]
    assert (printed["rating"], printed["comment"]) == ("down", "Wrong port.\nIt is 7171.")
    assert (printed["question"], printed["decision"]) == (PORT, "reply")
    for _ in range(2):
        assert visitor.delete(path).status_code == 204
    assert ratings() == [None, None]
    assert [one for one in _lines(service, "feedback") if one["answer_id"] == answer["id"]] == []


def test_ratings_of_nothing_and_of_anothers(service: VisitedService, visitor: httpx.Client) -> None:
    path = f"{ANSWERS}/{_ask(visitor)['id']}/feedback"
    with service.browser() as stranger:
        for where in (path, f"{ANSWERS}/ans_{0:024x}/feedback"):
            problem(stranger.put(where, json={"rating": "down"}), 404, "not-found")
            problem(stranger.delete(where), 404, "not-found")
    for wrong in (
        {},
        {"rating": "best"},
        {"rating": 1},
        {"rating": "up", "comment": "x" * 2001},
        {"rating": "up", "who": "me"},
    ):
        problem(visitor.put(path, json=wrong), 422, "invalid-input")


def test_ratings_at_once(service: VisitedService, visitor: httpx.Client) -> None:
    """A double click is no crash; one of them is what stays."""
    for _ in range(5):
        path = f"{ANSWERS}/{_ask(visitor)['id']}/feedback"
        with ThreadPoolExecutor(6) as threads:
            chosen = itertools.islice(itertools.cycle(["up", "down"]), 6)
            answers = list(threads.map(partial(_rate, visitor, path), chosen))
        assert [one.status_code for one in answers] == [200] * 6
    assert [line for line in service.log() if line["level"] in {"error", "critical"}] == []


def test_a_call_for_a_person(service: VisitedService, visitor: httpx.Client) -> None:
    first = _ask(visitor)
    path = f"{CONVERSATIONS}/{first['conversation_id']}"
    called = visitor.post(f"{path}/escalation", json={"contact": "me@example.org", "message": "Call me."})
    assert called.status_code == 201
    assert called.json()["id"].startswith("esc_")
    assert datetime.fromisoformat(called.json()["created_at"]) <= datetime.now(UTC)
    assert visitor.get(path).json()["escalated"] is True
    second = _ask(visitor, LOGS, first["conversation_id"])
    again = visitor.post(f"{path}/escalation", json={"message": "Today."})
    assert (again.status_code, again.json()) == (200, called.json())
    (printed,) = [one for one in _lines(service, "escalations") if one["id"] == called.json()["id"]]
    assert (printed["contact"], printed["message"]) == ("me@example.org", "Call me.\n\nToday.")
    assert printed["conversation_id"] == first["conversation_id"]
    transcript = printed["transcript"]
    assert isinstance(transcript, list)
    assert [(one["role"], one["content"]) for one in transcript] == [
        ("user", PORT),
        ("assistant", SHOWN),
        ("user", LOGS),
        ("assistant", second["text"]),
    ]
    text = docent(service.data_dir, "escalations").stdout
    for part in (
        called.json()["id"],
        "me@example.org",
        "Call me.",
        f"  user:\n    {PORT}",
        f"  assistant:\n    {SHOWN}",
    ):
        assert part in text


def test_a_call_without_words(service: VisitedService, visitor: httpx.Client) -> None:
    path = f"{CONVERSATIONS}/{_ask(visitor)['conversation_id']}/escalation"
    called = visitor.post(path, json={})
    assert called.status_code == 201
    assert visitor.post(path, json={"contact": "late@example.org"}).status_code == 200
    (printed,) = [one for one in _lines(service, "escalations") if one["id"] == called.json()["id"]]
    assert (printed["contact"], printed["message"]) == ("late@example.org", "")
    for wrong in ({"contact": "x" * 201}, {"message": "x" * 4001}, {"contact": None}, {"to": "root"}, []):
        problem(visitor.post(path, json=wrong), 422, "invalid-input")


def test_calls_at_once(service: VisitedService, visitor: httpx.Client) -> None:
    """One is the first; the others are added to it."""
    made: list[str] = []
    for _ in range(3):
        path = f"{CONVERSATIONS}/{_ask(visitor)['conversation_id']}/escalation"
        with ThreadPoolExecutor(5) as threads:
            answers = list(threads.map(partial(_call, visitor, path), range(5)))
        assert sorted(one.status_code for one in answers) == [200] * 4 + [201]
        (escalation_id,) = {one.json()["id"] for one in answers}
        made.append(escalation_id)
    printed = {one["id"]: str(one["message"]) for one in _lines(service, "escalations")}
    for escalation_id in made:
        assert sorted(printed[escalation_id].split()) == [f"word{at}" for at in range(5)]
