"""The assistant through OpenAI's own client: answers with links, streams, stop, limits, usage, history, traces."""

from __future__ import annotations

import json
import threading
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from app.openai_api.completion_text import count_tokens
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.openai_api.client_requests import SYSTEM, user
from tests.openai_api.conftest import DOCS, rows
from tests.service.serving import Service, docent, until

PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."
LINK = f"[[1]]({DOCS}/start#start-the-server)"
LINKED = f"The server listens on port 7070 by default. {LINK}"
BOTH = "Which port does the server listen on, and how do I choose another port?"
TWO = f"{GOOD} Use `--port` to choose another port [1]."
TWO_LINKED = f"{LINKED} Use `--port` to choose another port. [[2]]({DOCS}/start#start-the-server)"


def stream(client: openai.OpenAI, question: str, **parameters: Any) -> list[ChatCompletionChunk]:
    with client.chat.completions.create(model="docent", messages=[user(question)], stream=True, **parameters) as chunks:
        return list(chunks)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def reason_of(chunks: list[ChatCompletionChunk]) -> str | None:
    (reason,) = {chunk.choices[0].finish_reason for chunk in chunks if chunk.choices} - {None}
    return reason


def test_models(client: openai.OpenAI) -> None:
    (listed,) = client.models.list().data
    assert listed == client.models.retrieve("docent")
    assert (listed.id, listed.object, listed.owned_by) == ("docent", "model", "docent")
    assert listed.created > 1_700_000_000
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-4")
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")


def test_an_answer(client: openai.OpenAI, model: ScriptedModel) -> None:
    model.say(GOOD)
    completion = client.chat.completions.create(model="docent", messages=[user(PORT)])
    (choice,) = completion.choices
    assert (choice.message.role, choice.message.content) == ("assistant", LINKED)
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert (completion.object, completion.model) == ("chat.completion", "docent")
    usage = completion.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 10, 110)
    extra = (choice.message.model_extra or {})["docent"]
    assert set(extra) == {"answer_id", "decision", "confidence", "reasons", "kind", "citations"}
    assert (extra["decision"], extra["kind"], extra["reasons"]) == ("reply", "generated", [])
    assert completion.id == "chatcmpl-" + extra["answer_id"].removeprefix("ans_")
    (citation,) = extra["citations"]
    assert citation["url"] == f"{DOCS}/start#start-the-server"
    assert "7070" in citation["quote"]


def test_a_stream(client: openai.OpenAI, model: ScriptedModel) -> None:
    model.say(TWO)
    chunks = stream(client, BOTH)
    assert text_of(chunks) == TWO_LINKED
    assert reason_of(chunks) == "stop"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].choices[0].delta.content == ""
    assert [chunk.choices[0].delta.content for chunk in chunks[1:-1]] == [LINKED, TWO_LINKED.removeprefix(LINKED)]
    assert {(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks} == {
        (chunks[0].id, chunks[0].created, "docent", "chat.completion.chunk")
    }
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    *others, last = [chunk.model_extra or {} for chunk in chunks]
    assert not any(others)
    assert chunks[0].id == "chatcmpl-" + last["docent"]["answer_id"].removeprefix("ans_")
    assert [citation["marker"] for citation in last["docent"]["citations"]] == [1, 2]


def test_usage_in_a_stream(client: openai.OpenAI, model: ScriptedModel) -> None:
    model.say(GOOD)
    *chunks, last = stream(client, PORT, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (100, 10, 110)
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_streamed_or_not_the_text_is_the_same(client: openai.OpenAI, model: ScriptedModel) -> None:
    said = "Run `lumen start` to start the server [1]:\n\n```bash\nlumen start --detach\n```\n\n" + GOOD
    model.say(said, said)
    question = "How do I start the Lumen server?"
    whole = client.chat.completions.create(model="docent", messages=[user(question)]).choices[0].message.content
    assert text_of(stream(client, question)) == whole
    assert whole is not None
    assert f"lumen start --detach\n```\n\n[[2]]({DOCS}/start#start-the-server)" in whole


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        (" Use", LINKED),
        (["never", f"{LINK} Use"], "The server listens on port 7070 by default. "),  # over the end of a delta
        (["The server"], ""),
        (["<|end|>"], TWO_LINKED),
    ],
)
def test_stop(client: openai.OpenAI, model: ScriptedModel, stop: Any, text: str) -> None:
    model.say(TWO, TWO)
    whole = client.chat.completions.create(model="docent", messages=[user(BOTH)], stop=stop)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (text, "stop")
    chunks = stream(client, BOTH, stop=stop, stream_options={"include_usage": True})
    assert (text_of(chunks), reason_of(chunks)) == (text, "stop")
    assert chunks[-1].usage is not None  # the answer is made to its end: it can be looked up
    assert len((chunks[-2].model_extra or {})["docent"]["citations"]) == 2


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens(client: openai.OpenAI, model: ScriptedModel, name: str) -> None:
    model.say(TWO, TWO, TWO)
    first = count_tokens("The server listens on port 7070 by default. [1]")
    for limit, text in ((first - 1, ""), (first, LINKED), (first + 1, LINKED)):
        chunks = stream(client, BOTH, **{name: limit})
        assert (text_of(chunks), reason_of(chunks)) == (text, "length")


def test_the_earlier_messages_are_the_history(client: openai.OpenAI, model: ScriptedModel) -> None:
    model.say("How long are the Lumen log files kept?", "Files older than 14 days are deleted [1].")
    completion = client.chat.completions.create(
        model="docent",
        messages=[
            user("Where does Lumen write its log files?"),
            {"role": "assistant", "content": f"To `/var/log/lumen`. [[1]]({DOCS}/logs)"},
            user("And how long are they kept?"),
        ],
    )
    assert "14 days" in (completion.choices[0].message.content or "")
    condensing = model.prompts()[0]
    assert "user: Where does Lumen write its log files?\nassistant: To `/var/log/lumen`. [1]\n" in condensing
    assert condensing.endswith("Last question: And how long are they kept?\n\nSelf-standing question:")


def test_the_system_prompt_changes_nothing(client: openai.OpenAI, model: ScriptedModel) -> None:
    model.say(GOOD, GOOD)
    plain = client.chat.completions.create(model="docent", messages=[user(PORT)])
    told = client.chat.completions.create(model="docent", messages=[SYSTEM, user(PORT)])
    assert told.choices[0].message.content == plain.choices[0].message.content
    assert model.requests[0]["messages"] == model.requests[1]["messages"]
    assert "pirate" not in json.dumps(model.requests)


def test_what_the_docs_do_not_hold_is_not_answered(client: openai.OpenAI, model: ScriptedModel) -> None:
    chunks = stream(client, "How do I bake sourdough bread with rye flour?")
    fields = (chunks[-1].model_extra or {})["docent"]
    assert (fields["decision"], fields["kind"], fields["citations"]) == ("escalate", "none", [])
    assert text_of(chunks)
    assert model.requests == []


def test_a_model_in_trouble_still_gets_a_draft(client: openai.OpenAI, model: ScriptedModel) -> None:
    model.say(Reply("", status=503))
    completion = client.chat.completions.create(model="docent", messages=[user(PORT)])
    fields = (completion.choices[0].message.model_extra or {})["docent"]
    assert (fields["decision"], fields["reasons"]) == ("draft", ["engine_unavailable"])


def test_the_answer_is_stored_as_the_keys_own(
    client: openai.OpenAI, service: Service, model: ScriptedModel, key: str
) -> None:
    model.say(GOOD)
    completion = client.chat.completions.create(model="docent", messages=[user(PORT)])
    answer_id = completion.id.replace("chatcmpl-", "ans_")
    (owner,) = rows(
        service,
        "select owner from conversations join answers on conversations.id = conversation_id where answers.id = ?",
        answer_id,
    )
    assert owner == (f"key:{key.split('_')[1]}",)
    traced = json.loads(docent(service.data_dir, "trace", answer_id, "--json").stdout)
    assert traced["answer"]["question"] == PORT
    assert traced["answer"]["text"] == "The server listens on port 7070 by default. [1]"
    assert traced["stages"]["raw_output"] == GOOD


def stopped_answers(service: Service) -> int:
    return len(
        rows(service, "select id from messages where role = 'assistant' and answer_id not in (select id from answers)")
    )


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_goes_stops_the_answer(
    client: openai.OpenAI, service: Service, model: ScriptedModel, streamed: bool
) -> None:
    never = threading.Event()
    model.say(Reply(TWO, waits=never))
    before = stopped_answers(service)
    if streamed:
        with client.chat.completions.create(model="docent", messages=[user(BOTH)], stream=True) as chunks:
            said = iter(chunks)
            assert next(said).choices[0].delta.content == ""
            assert next(said).choices[0].delta.content == LINKED
    else:
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=3).chat.completions.create(model="docent", messages=[user(BOTH)])
    until(model.abandoned.is_set)  # so has the service left the engine, and before the 30 s for those who come back
    until(lambda: stopped_answers(service) == before + 1)
    never.set()
