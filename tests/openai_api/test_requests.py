"""Requests as other clients send them, and what is refused, by plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_type_hints

import httpx
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as OpenAIParameters

from app.openai_api.foreign_parameters import FOREIGN_PARAMETERS
from app.openai_api.schemas import ChatCompletionRequest
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.openai_api import client_requests
from tests.openai_api.client_requests import user
from tests.openai_api.conftest import DOCS, create_key, rows
from tests.service.serving import Service

COMPLETIONS = "/v1/chat/completions"
PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."
LINKED = f"The server listens on port 7070 by default. [[1]]({DOCS}/start#start-the-server)"


def error(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error, after its form was checked."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-ID"]
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    found: dict[str, Any] = body["error"]
    return found


def said(response: httpx.Response, streamed: bool) -> str:
    """The text of a completion, after the form of its stream was checked."""
    assert response.status_code == 200, response.text
    if not streamed:
        content: str = response.json()["choices"][0]["message"]["content"]
        return content
    assert response.headers["Content-Type"].startswith("text/event-stream")
    *chunks, end, rest = response.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    parsed = [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]
    assert parsed[-1]["choices"] == []
    assert parsed[-1]["usage"]["total_tokens"] == 110
    return "".join(choice["delta"].get("content", "") for chunk in parsed for choice in chunk["choices"])


@pytest.mark.parametrize(
    "shape",
    [
        client_requests.jan,
        client_requests.earlier_jan,
        client_requests.open_webui,
        client_requests.vllm,
        client_requests.llama_cpp,
        client_requests.openai_defaults,
    ],
)
def test_requests_of_clients(http: httpx.Client, model: ScriptedModel, shape: Callable[[str], dict[str, Any]]) -> None:
    model.say(GOOD)
    body = shape(PORT)
    assert said(http.post(COMPLETIONS, json=body), bool(body.get("stream"))) == LINKED


def test_a_task_of_open_webui_gets_an_answer_and_no_error(http: httpx.Client, model: ScriptedModel) -> None:
    model.say("NOT IN DOCS")
    completion = http.post(COMPLETIONS, json=client_requests.open_webui_title(PORT)).json()
    assert completion["object"] == "chat.completion"
    assert completion["choices"][0]["message"]["content"]


def test_every_parameter_of_openais_client_is_known() -> None:
    known = set(ChatCompletionRequest.model_fields)
    assert set(get_type_hints(OpenAIParameters)) <= known
    assert not known & FOREIGN_PARAMETERS


def test_parameters_that_nobody_knows(http: httpx.Client) -> None:
    body = {"model": "docent", "messages": [user(PORT)], "n": 2, "top_k": 1}
    unknown = error(http.post(COMPLETIONS, json=body | {"zeta": 1}), 400)
    assert unknown == {
        "message": "Unrecognized request argument supplied: zeta",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    several = error(http.post(COMPLETIONS, json=body | {"zeta": 1, "alpha": None, "temperature": "hot"}), 400)
    assert several["message"] == "Unrecognized request arguments supplied: alpha, zeta"
    constraint = error(http.post(COMPLETIONS, json=body | {"guided_regex": "[0-9]+"}), 400)
    assert "guided_regex" in constraint["message"]  # ignored, it would give a wrong result in silence


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"n": 2}, "n", "unsupported_value"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_value"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice", "unsupported_value"),
        ({"function_call": {"name": "f"}}, "function_call", "unsupported_value"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_value"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            "response_format",
            "unsupported_value",
        ),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"top_logprobs": 3}, "top_logprobs", "unsupported_parameter"),
        ({"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
        ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"temperature": "0.5"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"top_p": -0.1}, "top_p", "decimal_below_min_value"),
        ({"presence_penalty": -3}, "presence_penalty", "decimal_below_min_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens", "invalid_type"),
        ({"seed": "7"}, "seed", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": []}, "stream_options", "invalid_type"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage", "invalid_type"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"stop": ["a", 5]}, "stop[1]", "invalid_type"),
        ({"stop": ""}, "stop", "empty_string"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
        ({"user": 7}, "user", "invalid_type"),
        ({"metadata": "ticket"}, "metadata", "invalid_type"),
        ({"tools": {}}, "tools", "invalid_type"),
        ({"modalities": ["video"]}, "modalities[0]", "invalid_value"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {}}, "response_format.type", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": [7]}, "messages[0]", "invalid_type"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]", "invalid_type"),
        (
            {"messages": [{"role": "user", "content": [{}]}]},
            "messages[0].content[0].type",
            "missing_required_parameter",
        ),
        ({"messages": [{"role": "chief", "content": "a"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages", "invalid_value"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        ({"model": None}, "model", "invalid_type"),
    ],
)
def test_what_is_refused(
    http: httpx.Client, model: ScriptedModel, changes: dict[str, Any], param: str, code: str
) -> None:
    for stream in ({}, {"stream": True}):
        body = {"model": "docent", "messages": [user(PORT)], **stream, **changes}
        refused = error(http.post(COMPLETIONS, json=body), 400)
        assert (refused["type"], refused["param"], refused["code"]) == ("invalid_request_error", param, code)
        assert param.partition("[")[0].partition(".")[0] in refused["message"] or code == "invalid_value"
    assert model.requests == []


def test_messages_of_refusals_name_what_was_expected(http: httpx.Client) -> None:
    body = {"model": "docent", "messages": [user(PORT)]}
    high = error(http.post(COMPLETIONS, json=body | {"temperature": 3}), 400)
    assert high["message"] == (
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead."
    )
    typed = error(http.post(COMPLETIONS, json=body | {"stop": {"a": 1}}), 400)
    assert typed["message"] == "Invalid type for 'stop': expected a string, but got an object instead."
    role = error(http.post(COMPLETIONS, json=body | {"messages": [{"role": "chief"}]}), 400)
    assert role["message"].startswith("Invalid value: 'chief'. Supported values are: 'system', ")


@pytest.mark.parametrize("name", ["model", "messages"])
def test_what_is_required(http: httpx.Client, name: str) -> None:
    body = {"model": "docent", "messages": [user(PORT)]}
    del body[name]
    missing = error(http.post(COMPLETIONS, json=body), 400)
    assert (missing["param"], missing["code"]) == (name, "missing_required_parameter")


def test_another_model(http: httpx.Client, model: ScriptedModel) -> None:
    refused = error(http.post(COMPLETIONS, json={"model": "gpt-4", "messages": [user(PORT)]}), 404)
    assert (refused["param"], refused["code"]) == ("model", "model_not_found")
    assert "`gpt-4`" in refused["message"]
    assert model.requests == []


@pytest.mark.parametrize("question", ["", " \n", "x" * 4001])
def test_questions_that_are_none(http: httpx.Client, question: str) -> None:
    refused = error(http.post(COMPLETIONS, json={"model": "docent", "messages": [user(question)]}), 400)
    assert "question" in refused["message"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"null",
        b"[" * 20_000,
        b'{"model": NaN}',
        b'{"seed": ' + b"9" * 5000 + b"}",
    ],
)
def test_bodies_that_are_none(http: httpx.Client, content: bytes) -> None:
    error(http.post(COMPLETIONS, content=content, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize("place", ['"\\ud800": 1', '"model": "\\ud800"', '"stop": "\\ud800"', '"seed": NaN'])
def test_names_and_values_that_are_no_text(http: httpx.Client, place: str) -> None:
    content = '{"model": "docent", "messages": [{"role": "user", "content": "Which port?"}], ' + place + "}"
    response = http.post(COMPLETIONS, content=content.encode(), headers={"Content-Type": "application/json"})
    error(response, 404 if "model" in place else 400)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer sk-unknown", "Basic eDp5", f"Bearer dk_{'0' * 12}_{'A' * 43}"]
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/docent", COMPLETIONS])
def test_without_a_key(service: Service, model: ScriptedModel, path: str, authorization: str) -> None:
    body = {"model": "docent", "messages": [user(PORT)]} if path == COMPLETIONS else None
    response = service.client.request(
        "POST" if body else "GET", path, json=body, headers={"Authorization": authorization}
    )
    refused = error(response, 401)
    assert (refused["type"], refused["code"]) == ("invalid_request_error", "invalid_api_key")
    assert model.requests == []


def test_keys_of_other_scopes(service: Service) -> None:
    for scope in ("admin", "tickets"):
        headers = {"Authorization": f"Bearer {create_key(service, scope)}"}
        refused = error(service.client.get("/v1/models", headers=headers), 403)
        assert refused["code"] == "insufficient_permissions"


def test_a_visitors_session_is_no_key(service: Service) -> None:
    ((site_key,),) = rows(service, "select id from sites where own")
    origin = {"Origin": service.url}
    session = service.client.post("/api/v1/chat/sessions", json={"site_key": site_key}, headers=origin).json()
    headers = origin | {"Authorization": f"Bearer {session['session']}"}
    assert "widget" in error(service.client.get("/v1/models", headers=headers), 403)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1", 404),
        ("GET", "/v1/", 404),
        ("POST", "/v1/embeddings", 404),
        ("POST", "/v1/completions", 404),
        ("GET", "/v1/models/a/b", 404),
        ("GET", COMPLETIONS, 405),
        ("DELETE", "/v1/models/docent", 405),
    ],
)
def test_unknown_routes_and_methods(http: httpx.Client, method: str, path: str, status: int) -> None:
    response = http.request(method, path)
    assert error(response, status)["type"] == "invalid_request_error"
    if status == 405:
        assert response.headers["Allow"]


def test_other_paths_keep_their_problem_documents(http: httpx.Client) -> None:
    for path in ("/v2/models", "/v1x"):
        assert http.get(path).headers["Content-Type"] == "application/problem+json"


def test_errors_before_the_routes(http: httpx.Client) -> None:
    large = {"model": "docent", "messages": [user("x" * 70_000)]}
    assert error(http.post(COMPLETIONS, json=large), 413)["code"] == "request_too_large"
    error(http.get("/v1/models", headers={"Host": "evil.example"}), 421)


def test_limits_say_when_to_come_back(serve: Callable[..., Service], model: ScriptedModel) -> None:
    service = serve(LIMITS__QUESTIONS_PER_KEY="1/minute")
    headers = {"Authorization": f"Bearer {create_key(service, 'chat')}"}
    model.say(GOOD)
    body = {"model": "docent", "messages": [user(PORT)]}
    first = service.client.post(COMPLETIONS, json=body, headers=headers)
    assert said(first, False) == "The server listens on port 7070 by default. [1]"  # no URL of the docs is known
    second = service.client.post(COMPLETIONS, json=body, headers=headers)
    limited = error(second, 429)
    assert (limited["type"], limited["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(second.headers["Retry-After"]) <= 120


def test_a_failure_is_the_last_event_of_a_stream(http: httpx.Client, model: ScriptedModel) -> None:
    """An engine that refuses the service's own key is the operator's fault, and no answer can be made."""
    model.say(Reply("who are you?", status=401), Reply("who are you?", status=401))
    body = {"model": "docent", "messages": [user(PORT)]}
    assert error(http.post(COMPLETIONS, json=body), 500)["type"] == "server_error"
    streamed = http.post(COMPLETIONS, json=body | {"stream": True})
    assert streamed.status_code == 200
    first, last, rest = streamed.text.split("\n\n")
    assert json.loads(first.removeprefix("data: "))["choices"][0]["delta"]["role"] == "assistant"
    failed = json.loads(last.removeprefix("data: "))["error"]
    assert (failed["type"], failed["param"]) == ("server_error", None)
    assert "DOCENT_LLM__API_KEY" in failed["message"]
    assert rest == ""


def test_an_empty_index_is_a_503(model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = Service(tmp_path_factory.mktemp("empty"), None, LLM__BASE_URL=model.base_url)
    empty.wait_for = lambda: empty.client.get("/livez").status_code == 200
    with empty as service:
        headers = {"Authorization": f"Bearer {create_key(service, 'chat')}"}
        body = {"model": "docent", "messages": [user(PORT)]}
        response = service.client.post(COMPLETIONS, json=body, headers=headers)
        unavailable = error(response, 503)
    assert (unavailable["type"], unavailable["code"]) == ("server_error", "service_unavailable")
