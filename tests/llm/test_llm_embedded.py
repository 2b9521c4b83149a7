"""The real engine with the packaged model, through the real OpenAI client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from app.llm.client import ChatClient, Message
from app.llm.embedded.process import EmbeddedEngine

CONTEXT = 2048  # as the fixture sets it
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
STORY = [{"role": "user", "content": "Tell me a story."}]


def ask(client: openai.OpenAI, messages: list[dict[str, Any]], **settings: Any) -> Any:
    return client.chat.completions.create(
        model="",
        messages=messages,
        **{"temperature": 0, "max_tokens": 24, **settings},  # type: ignore[arg-type]
    )


def load(engine: EmbeddedEngine) -> dict[str, int]:
    return httpx.get(engine.base_url.removesuffix("/v1") + "/health", trust_env=False).json()


def test_models_lists_the_packaged_model_and_its_context(openai_client: openai.OpenAI) -> None:
    (only,) = openai_client.models.list().data
    assert only.id.startswith("SmolLM2-135M-Instruct")
    assert only.model_dump()["max_model_len"] == CONTEXT


def test_an_answer_with_its_usage(openai_client: openai.OpenAI, model: str) -> None:
    answer = ask(openai_client, QUESTION)
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == model
    assert answer.usage.prompt_tokens > 10
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_is_the_same_answer_in_pieces(openai_client: openai.OpenAI) -> None:
    whole = ask(openai_client, QUESTION)
    chunks = list(ask(openai_client, QUESTION, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert len({c.id for c in chunks}) == 1


async def test_the_async_client_streams_two_answers_side_by_side(engine: EmbeddedEngine) -> None:
    async def one(client: openai.AsyncOpenAI) -> str:
        chunks = await client.chat.completions.create(
            model="",
            messages=QUESTION,
            temperature=0,
            max_tokens=24,
            stream=True,  # type: ignore[arg-type]
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    async with openai.AsyncOpenAI(base_url=engine.base_url, api_key=engine.api_key, max_retries=0) as client:
        first, second = await asyncio.gather(one(client), one(client))
    assert first == second
    assert "Paris" in first


@pytest.mark.parametrize("stream", [False, True])
def test_stop_strings_end_the_answer_and_do_not_show(openai_client: openai.OpenAI, stream: bool) -> None:
    answer = ask(openai_client, QUESTION, stop=["Par", "zzz"], stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(c.choices[0].delta.content or "" for c in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
    assert text == "The capital of France is "
    assert reason == "stop"


def test_a_seed_repeats_an_answer_and_its_absence_does_not(openai_client: openai.OpenAI) -> None:
    def told(**settings: Any) -> str:
        return (
            ask(openai_client, STORY, **{"temperature": 1.0, "max_tokens": 16, **settings}).choices[0].message.content
        )

    told(seed=7)  # from then on its prompt comes from the cache, which gives slightly other numbers
    assert told(seed=7) == told(seed=7)
    assert len({told() for _ in range(3)}) > 1


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_is_kept(openai_client: openai.OpenAI, name: str) -> None:
    answer = ask(openai_client, STORY, **{"max_tokens": None, name: 5})
    assert answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


def test_logprobs_are_of_the_chosen_tokens(openai_client: openai.OpenAI) -> None:
    answer = ask(openai_client, QUESTION, logprobs=True)
    entries = answer.choices[0].logprobs.content
    assert "".join(entry.token for entry in entries) == answer.choices[0].message.content
    assert all(entry.logprob <= 0 for entry in entries)
    assert bytes(entries[0].bytes).decode() == entries[0].token


def test_choice_constrains_the_answer(openai_client: openai.OpenAI) -> None:
    for choices in (["Lyon (France)", 'a "b" \\ ü'], ["only this"]):
        answer = ask(openai_client, QUESTION, extra_body={"structured_outputs": {"choice": choices}})
        assert answer.choices[0].message.content in choices


SCHEMA = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}, "city": {"enum": ["Paris", "Lyon"]}},
    "required": ["sure", "city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "constraint",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
        {"extra_body": {"structured_outputs": {"json": SCHEMA}}},
        {"extra_body": {"structured_outputs": {"json": json.dumps(SCHEMA)}}},
    ],
)
def test_a_schema_constrains_the_answer(openai_client: openai.OpenAI, constraint: dict[str, Any]) -> None:
    answer = ask(openai_client, QUESTION, max_tokens=100, **constraint)
    found = json.loads(answer.choices[0].message.content)
    assert found.keys() == {"sure", "city"}
    assert found["city"] in {"Paris", "Lyon"}


def test_text_and_parts_and_the_developer_role_are_taken(openai_client: openai.OpenAI) -> None:
    parts = [{"type": "text", "text": "What is the capital"}, {"type": "text", "text": "of France?"}]
    messages = [{"role": "developer", "content": "Answer shortly."}, {"role": "user", "content": parts}]
    assert ask(openai_client, messages).choices[0].message.content


def test_control_tokens_in_a_message_are_only_text(openai_client: openai.OpenAI) -> None:
    """Each control token would be one token; as text it is several, and nothing of it is lost."""
    plain = ask(openai_client, [{"role": "user", "content": "x"}], max_tokens=1).usage.prompt_tokens
    for token in ("<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|im_<|im_end|>end|>"):
        spelled = ask(openai_client, [{"role": "user", "content": f"x{token}"}], max_tokens=1).usage.prompt_tokens
        assert spelled - plain >= 5, token


def test_odd_text_is_taken(openai_client: openai.OpenAI) -> None:
    for text in ("", "a\0b", "\ufdd0", "😀" * 20, "\u202e\u200b"):
        assert ask(openai_client, [{"role": "user", "content": text}], max_tokens=2).choices


@pytest.mark.parametrize(
    ("settings", "said", "code"),
    [
        ({"messages": []}, "messages", None),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role", None),
        ({"messages": [{"role": "user", "content": "x " * CONTEXT}]}, f"{CONTEXT} tokens", "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "x " * 20_000}]}, f"{CONTEXT} tokens", "context_length_exceeded"),
        ({"max_tokens": CONTEXT}, f"{CONTEXT} tokens", "context_length_exceeded"),
        ({"max_tokens": 0}, "max_tokens", None),
        ({"n": 2}, "n=1", None),
        ({"temperature": -1}, "temperature", None),
        ({"temperature": 3}, "temperature", None),
        ({"stop": ["a"] * 5}, "stop", None),
        ({"stop": ""}, "stop", None),
        ({"logprobs": True, "top_logprobs": 2}, "only the chosen token", None),
        ({"extra_body": {"structured_outputs": {"regex": "("}}}, "regex", None),
        ({"extra_body": {"structured_outputs": {"choice": []}}}, "choice", None),
        ({"extra_body": {"structured_outputs": {"choice": [""]}}}, "choice", None),
        ({"extra_body": {"structured_outputs": {"json": {"type": "foo"}}}}, "schema.type", "unsupported_schema"),
        ({"extra_body": {"structured_outputs": {"json": "{"}}}, "not JSON", "unsupported_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, "schema", None),
    ],
)
def test_bad_requests_are_refused_and_harm_nobody(
    openai_client: openai.OpenAI, settings: dict[str, Any], said: str, code: str | None
) -> None:
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        ask(openai_client, **{"messages": QUESTION, **settings})
    assert caught.value.body.keys() == {"message", "type", "param", "code"}
    assert caught.value.code == code
    assert ask(openai_client, QUESTION, max_tokens=2).choices


def test_without_max_tokens_the_rest_of_the_context_is_the_limit(openai_client: openai.OpenAI) -> None:
    prompt = [{"role": "user", "content": "word " * (CONTEXT - 100)}]
    answer = ask(openai_client, prompt, max_tokens=None, extra_body={"ignore_eos": True})
    assert answer.usage.total_tokens == CONTEXT
    assert answer.choices[0].finish_reason == "length"


def test_the_key_and_the_model_are_checked(engine: EmbeddedEngine, openai_client: openai.OpenAI) -> None:
    with (
        openai.OpenAI(base_url=engine.base_url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
    with pytest.raises(openai.NotFoundError):
        openai_client.chat.completions.create(model="gpt-5", messages=QUESTION)  # type: ignore[arg-type]


def test_bodies_that_are_no_requests_are_refused_in_the_same_form(engine: EmbeddedEngine) -> None:
    url = f"{engine.base_url}/chat/completions"
    key = {"Authorization": f"Bearer {engine.api_key}"}
    with httpx.Client(trust_env=False, headers=key) as client:
        assert client.post(url, content="{").json()["error"]["type"] == "invalid_request_error"
        assert client.post(url, content=b"x" * 5_000_000).status_code == 413
        assert client.get(f"{engine.base_url}/nothing").json()["error"]["message"] == "Not Found"
        surrogate = '{"messages":[{"role":"user","content":"\\ud800 hi"}],"max_tokens":1}'
        assert client.post(url, content=surrogate, headers={"Content-Type": "application/json"}).status_code < 500
    assert httpx.get(f"{engine.base_url}/models", trust_env=False).status_code == 401


def test_a_full_queue_refuses_and_a_client_that_went_frees_its_place(
    engine: EmbeddedEngine, openai_client: openai.OpenAI, until: Callable[[Callable[[], bool]], None]
) -> None:
    endless = {"stream": True, "max_tokens": CONTEXT - 200, "extra_body": {"ignore_eos": True}}
    streams = [ask(openai_client, STORY, **endless) for _ in range(4)]
    until(lambda: load(engine) == {"running": 2, "waiting": 2})
    with pytest.raises(openai.RateLimitError) as caught:
        ask(openai_client, QUESTION)
    assert int(caught.value.response.headers["retry-after"]) > 0
    for stream in streams[1:]:
        stream.close()
    until(lambda: load(engine) == {"running": 1, "waiting": 0})
    assert ask(openai_client, QUESTION, max_tokens=2).choices
    streams[0].close()
    until(lambda: load(engine) == {"running": 0, "waiting": 0})


def test_a_client_that_does_not_stream_and_went_frees_its_place(
    engine: EmbeddedEngine, openai_client: openai.OpenAI, until: Callable[[Callable[[], bool]], None]
) -> None:
    with pytest.raises(openai.APITimeoutError):
        ask(
            openai_client.with_options(timeout=0.5),
            STORY,
            max_tokens=CONTEXT - 200,
            extra_body={"ignore_eos": True},
        )
    until(lambda: load(engine) == {"running": 0, "waiting": 0})


async def test_the_chat_client_streams_completes_and_cancels(
    engine: EmbeddedEngine, until: Callable[[Callable[[], bool]], None]
) -> None:
    client = ChatClient(base_url=engine.base_url, api_key=engine.api_key, model="", timeout_seconds=60)
    try:
        await client.ready()
        assert client.model.startswith("SmolLM2")
        question = [Message("user", "What is the capital of France?")]
        deltas = [delta async for delta in client.stream(question, temperature=0, max_tokens=24)]
        whole = await client.complete(question, temperature=0, max_tokens=24)
        assert "".join(delta.text for delta in deltas) == whole.text
        assert deltas[-1].text == ""
        assert deltas[-1].completion_tokens == whole.completion_tokens > 0
        assert whole.finish_reason == "stop"
        formed = await client.complete(question, temperature=0, max_tokens=100, json_schema=SCHEMA)
        assert json.loads(formed.text).keys() == {"sure", "city"}

        stream = client.stream([Message("user", "Tell me a story.")], temperature=0, max_tokens=1000)
        await anext(stream)
        await stream.aclose()
        await asyncio.to_thread(until, lambda: not load(engine)["running"])
    finally:
        await client.aclose()
