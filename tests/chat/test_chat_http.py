"""The chat over HTTP, as programs use it: a real service with a scripted model behind real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.answering.answer import Answer, AnswerCitation, AnswerCompleted, AnswerDelta
from tests.answering.asking import check_events
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.postgresql.databases import rows
from tests.service.serving import Service, docent, events, until

PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."
MESSAGES = "/api/v1/chat/messages"
NOBODY = f"conv_{0:024x}"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture(scope="module")
def shared_model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def shared_service(
    indexed: Path, shared_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("chat"), indexed, LLM__BASE_URL=shared_model.base_url) as service:
        yield service


@pytest.fixture
def model(shared_model: ScriptedModel) -> ScriptedModel:
    shared_model.replies.clear()
    shared_model.requests.clear()
    return shared_model


@pytest.fixture
def service(shared_service: Service, model: ScriptedModel) -> Service:
    assert not model.requests
    return shared_service


def problem(response: httpx.Response, status: int, kind: str) -> str:
    """The detail of a problem document, after its form was checked."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["type"] == f"urn:docent:problem:{kind}"
    assert body["title"]
    return str(body["detail"])


def test_json(service: Service, model: ScriptedModel) -> None:
    model.say(GOOD, GOOD)
    for accept in ("application/json", "*/*"):
        response = service.client.post(MESSAGES, json={"question": f"  {PORT}\n"}, headers={"Accept": accept})
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        answer = Answer.model_validate(response.json())
        assert answer.text == "The server listens on port 7070 by default. [1]"
        assert (answer.question, answer.decision, answer.kind) == (PORT, "reply", "generated")
        assert answer.id.startswith("ans_")
        assert answer.conversation_id.startswith("conv_")


def test_events(service: Service, model: ScriptedModel) -> None:
    model.say(f"{GOOD} Nonsense is dropped [1]. Use `--port` to choose another port [1].")
    question = "Which port does the server listen on, and how do I choose another port?"
    with service.open_stream(question) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        received = events("".join(response.iter_text()))
    names = [name for _, name, _ in received]
    assert names == [
        "answer.started",
        "answer.delta",
        "answer.citation",
        "answer.delta",
        "answer.citation",
        "answer.completed",
    ]
    started = received[0][2]
    assert [number for number, _, _ in received] == [f"{started['id']}:{number}" for number in range(1, 7)]
    forms = {"answer.delta": AnswerDelta, "answer.citation": AnswerCitation, "answer.completed": AnswerCompleted}
    answer = check_events([forms[name].model_validate(data) for _, name, data in received[1:]])
    assert (started["id"], started["conversation_id"]) == (answer.id, answer.conversation_id)
    assert started["question"] == answer.question == question


def test_a_follow_up_continues_its_conversation(service: Service, model: ScriptedModel) -> None:
    model.say("Lumen writes its log files to `/var/log/lumen` [1].")
    first = service.ask("Where does Lumen write its log files?").json()
    model.say("How long are the Lumen log files kept?", "Files older than 14 days are deleted [1].")
    second = service.ask("And how long are they kept?", first["conversation_id"]).json()
    assert second["conversation_id"] == first["conversation_id"]
    assert second["id"] != first["id"]
    assert "14 days" in second["text"]
    condensing = model.prompts()[1]
    assert "user: Where does Lumen write its log files?" in condensing
    assert f"assistant: {first['text']}" in condensing
    assert condensing.endswith("Last question: And how long are they kept?\n\nSelf-standing question:")


def test_a_stranger_to_the_conversation_gets_no_part_of_it(service: Service, model: ScriptedModel) -> None:
    model.say(GOOD)
    service.ask("Where is the secret plan about port 7070 of the Lumen server?")
    model.say(GOOD)
    service.ask("And what about it?")
    assert "secret plan" not in model.prompts()[-1] or len(model.requests) == 1


def test_an_unknown_conversation(service: Service) -> None:
    assert "no such conversation" in problem(service.ask(PORT, NOBODY), 404, "not-found")
    with service.open_stream(PORT, NOBODY) as response:
        response.read()
    problem(response, 404, "not-found")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"question": ""}, "question"),
        ({"question": " \n\t"}, "empty"),
        ({"question": "x" * 4001}, "4001 characters, 4000 are taken"),
        ({"question": None}, "question"),
        ({"question": ["a"]}, "question"),
        ({}, "question"),
        ([], "body"),
        ({"question": PORT, "conversation_id": 7}, "conversation_id"),
        ({"question": PORT, "conversation_id": "x" * 65}, "conversation_id"),
        ({"question": PORT, "decision": "reply"}, "decision"),
    ],
)
def test_what_is_no_question(service: Service, body: object, said: str) -> None:
    assert said in problem(service.client.post(MESSAGES, json=body), 422, "invalid-input")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"question": NaN}'])
def test_malformed_json(service: Service, body: bytes) -> None:
    response = service.client.post(MESSAGES, content=body, headers={"Content-Type": "application/json"})
    problem(response, 422, "invalid-input")


def test_json_that_is_nested_too_deeply(service: Service) -> None:
    response = service.client.post(MESSAGES, content=b"[" * 20_000, headers={"Content-Type": "application/json"})
    problem(response, 400, "bad-request")


def test_a_question_that_cannot_be_stored_is_refused_and_not_a_crash(service: Service) -> None:
    response = service.client.post(
        MESSAGES, content=rb'{"question": "lone \ud800 surrogate"}', headers={"Content-Type": "application/json"}
    )
    problem(response, 422, "invalid-input")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_refused(service: Service, model: ScriptedModel, kind: str) -> None:
    """A form of a foreign page can send these without asking; JSON it cannot."""
    body = json.dumps({"question": PORT}).encode()
    problem(service.client.post(MESSAGES, content=body, headers={"Content-Type": kind}), 422, "invalid-input")
    assert model.requests == []


def test_a_body_over_the_limit(service: Service) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    body = json.dumps({"question": "x" * 64_000}).encode()
    headers = {"Content-Type": "application/json"}
    assert service.client.post(MESSAGES, content=body, headers=headers).status_code == 413
    chunked = service.client.post(MESSAGES, content=pieces(), headers=headers)
    assert chunked.status_code == 413
    assert chunked.headers["Content-Type"] == "application/problem+json"


def test_unknown_routes_and_methods(service: Service) -> None:
    problem(service.client.get("/nothing"), 404, "not-found")
    problem(service.client.get("/static/../app/main.py"), 404, "not-found")
    problem(service.client.get("/static/%2e%2e/pyproject.toml"), 404, "not-found")
    refused = service.client.get(MESSAGES)
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["Allow"] == "POST"


def test_request_ids(service: Service) -> None:
    response = service.client.get("/nothing", headers={"X-Request-ID": "trace-me.1"})
    assert response.headers["X-Request-ID"] == "trace-me.1"
    for bad in ("x" * 65, "a b", "<script>", ""):
        made = service.client.get("/livez", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert made != bad
        assert len(made) == 16
    assert service.ask("", None).headers["X-Request-ID"]
    line = ("request", "/nothing", 404, "GET")

    def is_logged() -> bool:  # it is written when the response has been sent
        found = [one for one in service.log() if one.get("request_id") == "trace-me.1"]
        return [(one["event"], one["path"], one["status"], one["method"]) for one in found] == [line]

    until(is_logged)


def test_a_question_is_not_in_the_log(service: Service, model: ScriptedModel) -> None:
    model.say(GOOD)
    service.ask("Which port does Lumen's server use for the zanzibar project?")
    assert "zanzibar" not in json.dumps(service.log())


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/widget.js", "/nothing", "/openapi.json", MESSAGES])
def test_security_headers(service: Service, path: str) -> None:
    response = service.client.get(path)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in response.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", ""]
)
def test_foreign_hosts(service: Service, host: str) -> None:
    """A page whose name was rebound to this machine sends its own name."""
    response = service.client.get("/livez", headers={"Host": host})
    problem(response, 421, "foreign-host")
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.8.8.8:1", "[::1]:8000", "[::1]"])
def test_hosts_of_this_machine(service: Service, host: str) -> None:
    assert service.client.get("/livez", headers={"Host": host}).json() == {"status": "ok"}


def test_no_other_site_may_read_an_answer(service: Service, model: ScriptedModel) -> None:
    model.say(GOOD)
    origin = {"Origin": "https://evil.example"}
    response = service.client.post(MESSAGES, json={"question": PORT}, headers=origin)
    assert "access-control-allow-origin" not in response.headers
    preflight = service.client.options(MESSAGES, headers={**origin, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 400


def test_what_is_stored_and_traced(service: Service, model: ScriptedModel) -> None:
    model.say(GOOD)
    answer = service.ask(PORT).json()
    messages = rows(
        service.data_dir,
        "select role, content from messages where conversation_id = ? order by position",
        answer["conversation_id"],
    )
    (stored,) = rows(
        service.data_dir,
        "select decision, confidence, model, index_revision, cast(body as text) from answers where id = ?",
        answer["id"],
    )
    assert messages == [("user", PORT), ("assistant", answer["text"])]
    assert stored[:4] == ("reply", answer["confidence"], "scripted", answer["index_revision"])
    assert json.loads(stored[4]) == answer
    traced = docent(service.data_dir, "trace", answer["id"], "--json")
    found = json.loads(traced.stdout)
    assert found["answer"] == answer
    assert found["stages"]["raw_output"] == GOOD
    assert found["stages"]["prompt"]["messages"][1][1].endswith(PORT)
    text = docent(service.data_dir, "trace", answer["id"]).stdout
    assert [line for line in text.splitlines() if line.startswith("──")][-1] == "── answer"
    missing = docent(service.data_dir, "trace", "ans_nobody")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == "docent: there is no answer ans_nobody\n"


def test_a_failure_is_the_last_event(service: Service, model: ScriptedModel) -> None:
    model.say(Reply("who are you?", status=401), Reply("who are you?", status=401))
    received = service.stream(PORT)
    assert [name for _, name, _ in received] == ["answer.started", "answer.failed"]
    failed = received[-1][2]["problem"]
    assert failed["type"] == "urn:docent:problem:configuration"
    assert "DOCENT_LLM__API_KEY" in failed["detail"]
    assert received[-1][0].endswith(":2")
    problem(service.ask(PORT), 500, "configuration")


def test_a_model_in_trouble_still_gets_a_draft(service: Service, model: ScriptedModel) -> None:
    model.say(Reply("", status=503))
    answer = service.ask(PORT).json()
    assert (answer["decision"], answer["kind"], answer["reasons"]) == ("draft", "extractive", ["engine_unavailable"])


def test_questions_in_any_script(service: Service, model: ScriptedModel) -> None:
    model.respond = lambda _: GOOD
    for question in (
        "Auf welchem Port lauscht Lumen? 🙂",
        "Lumen 在哪个端口监听?",
        "a\u0000b Lumen port",
        "\u202eLumen port",
    ):
        response = service.ask(question)
        assert response.status_code == 200
        assert response.json()["question"] == question.replace("\0", " ")  # which PostgreSQL cannot store
    model.respond = None
