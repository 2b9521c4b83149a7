"""/metrics: who may read it, what it counts, and that no visitor's words are in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    GOOD,
    MESSAGES,
    PORT,
    STREAM,
    VisitedService,
    problem,
)
from tests.service.serving import Service, until

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def counted(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VisitedService, ScriptedModel]]:
    with (
        ScriptedModel() as model,
        VisitedService(tmp_path_factory.mktemp("metrics"), indexed, LLM__BASE_URL=model.base_url) as service,
    ):
        yield service, model


def _text(service: VisitedService) -> str:
    with service.program(service.keys["admin"].token) as scraper:
        response = scraper.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return response.text


def _samples(service: VisitedService) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(_text(service))
        for sample in family.samples
    }


def _value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def test_who_may_read_it(counted: tuple[VisitedService, ScriptedModel]) -> None:
    service, _ = counted
    problem(httpx.get(f"{service.url}/metrics", trust_env=False), 401, "unauthorized")
    for scope in ("chat", "tickets"):
        with service.program(service.keys[scope].token) as program:
            problem(program.get("/metrics"), 403, "forbidden")
    with service.browser() as visitor:
        problem(visitor.get("/metrics"), 403, "forbidden")
    assert service.client.get("/metrics").status_code == 200  # the command line's


def test_it_can_be_public(serve: Callable[..., Service]) -> None:
    service = serve(SERVER__PUBLIC_METRICS="true")
    response = httpx.get(f"{service.url}/metrics", trust_env=False)
    assert response.status_code == 200
    assert list(text_string_to_metric_families(response.text))


def test_requests_are_counted_by_the_pattern_of_their_route(counted: tuple[VisitedService, ScriptedModel]) -> None:
    service, _ = counted
    before = _samples(service)
    with service.browser() as visitor:
        for at in range(3):
            visitor.get(f"{CONVERSATIONS}/conv_{at:024x}")
        visitor.get("/secret-path-of-a-visitor")
        visitor.request("FROBNICATE", "/secret-path-of-a-visitor")
        visitor.get("/static/secret-file-of-a-visitor")
        visitor.get("/handbook/secret-page-of-a-visitor")
        visitor.post(MESSAGES, content=b" " * 70_000)
    pattern, timed = "/api/v1/chat/conversations/{conversation_id}", "docent_http_request_seconds_count"
    until(lambda: _value(_samples(service), timed, route=pattern) >= 3)
    after = _samples(service)

    def grown(name: str, **labels: str) -> float:
        return _value(after, name, **labels) - _value(before, name, **labels)

    assert grown("docent_http_requests_total", method="GET", route=pattern, status="404") == 3
    assert grown(timed, route=pattern) == 3
    assert grown("docent_http_requests_total", method="GET", route="none", status="404") >= 1
    assert grown("docent_http_requests_total", method="other", route="none", status="404") == 1
    assert grown("docent_http_requests_total", method="POST", route="none", status="413") == 1
    text = _text(service)
    for words in ("secret", "FROBNICATE", "conv_0"):
        assert words not in text


def test_answers(counted: tuple[VisitedService, ScriptedModel]) -> None:
    service, model = counted
    before = _samples(service)
    model.respond = lambda _: GOOD
    with service.browser() as visitor, service.program(service.keys["chat"].token) as program:
        answer = visitor.post(MESSAGES, json={"question": PORT}, headers=STREAM)
        assert answer.status_code == 200
        program.post(MESSAGES, json={"question": PORT})
        person = visitor.post(MESSAGES, json={"question": "I want to talk to a human person"}).json()
        assert (person["decision"], person["reasons"]) == ("escalate", ["human_requested"])
        visitor.put(f"{ANSWERS}/{person['id']}/feedback", json={"rating": "down", "comment": "zanzibar"})
        for _ in range(2):
            visitor.post(f"{CONVERSATIONS}/{person['conversation_id']}/escalation", json={"contact": "zanzibar@x"})
        model.respond = lambda _: Reply("zanzibar", status=401)
        assert visitor.post(MESSAGES, json={"question": "Which port does zanzibar use?"}).status_code == 500
    after = _samples(service)

    def grown(name: str, **labels: str) -> float:
        return _value(after, name, **labels) - _value(before, name, **labels)

    assert grown("docent_answers_total", surface="widget", decision="reply", kind="generated") == 1
    assert grown("docent_answers_total", surface="api", decision="reply", kind="generated") == 1
    assert grown("docent_answers_total", surface="widget", decision="escalate", kind="none") == 1
    assert grown("docent_answer_reasons_total", reason="human_requested") == 1
    assert grown("docent_answer_failures_total", kind="configuration") == 1
    assert grown("docent_tokens_total", direction="prompt") == 200
    assert grown("docent_tokens_total", direction="completion") == 20
    assert grown("docent_first_token_seconds_count") == 2
    assert grown("docent_first_sentence_seconds_count") == 3
    assert grown("docent_answer_seconds_count") == grown("docent_retrieval_seconds_count") == 3
    assert grown("docent_queue_seconds_count") == 4
    assert 0 < grown("docent_first_token_seconds_sum") <= grown("docent_answer_seconds_sum") < 60
    assert grown("docent_feedback_total", rating="down") == 1
    assert grown("docent_escalations_total") == 1
    assert _value(after, "docent_answers_running") == 0
    text = _text(service)
    for words in ("zanzibar", "port", "Lumen", "human person"):
        assert words not in text.replace("report", "")


def test_a_stopped_answer_is_a_failure_of_its_own_kind(counted: tuple[VisitedService, ScriptedModel]) -> None:
    service, model = counted
    before, never = _samples(service), threading.Event()
    model.respond = lambda _: Reply("", waits=never)
    with service.browser() as visitor:
        with visitor.stream("POST", MESSAGES, json={"question": PORT}, headers=STREAM) as response:
            first = next(line for line in response.iter_lines() if line.startswith("id: "))
        until(lambda: _value(_samples(service), "docent_answers_running") == 1)
        answer_id = first.removeprefix("id: ").partition(":")[0]
        assert visitor.post(f"{ANSWERS}/{answer_id}/stop").status_code == 204
    never.set()
    after = _samples(service)
    kind = {"kind": "stopped"}
    assert (
        _value(after, "docent_answer_failures_total", **kind) - _value(before, "docent_answer_failures_total", **kind)
        == 1
    )
    assert _value(after, "docent_answers_running") == 0
