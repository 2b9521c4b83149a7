"""The chunks of a completion, from the events of an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.answering.answer import Answer, AnswerCompleted, AnswerDelta, AnswerStarted, Timings, Usage
from app.conversations.service import AnswerStopped
from app.conversations.stream import AnswerStream
from app.errors import EngineUnavailable
from app.openai_api import service
from app.openai_api.completion_text import CompletionText

ANSWER = Answer(
    id="ans_0123456789abcdef01234567",
    conversation_id="conv_1",
    question="?",
    decision="escalate",
    confidence=0.2,
    reasons=["no_relevant_docs"],
    kind="none",
    text="The docs do not say.",
    citations=[],
    model="m",
    index_revision="r",
    usage=Usage(prompt_tokens=7, completion_tokens=3),
    timings_ms=Timings(),
)


def begun() -> AnswerStream:
    stream = AnswerStream(ANSWER.id, "conv_1", "key:1")
    stream.add(AnswerStarted(id=ANSWER.id, conversation_id="conv_1", question="?"))
    return stream


async def test_chunks_of_an_answer() -> None:
    stream = begun()
    stream.add(AnswerDelta(text=ANSWER.text))
    stream.add(AnswerCompleted(answer=ANSWER))
    chunks = [chunk async for chunk in service.chunks(stream, CompletionText(""), include_usage=True)]
    opening, piece, closing, last = [chunk or {} for chunk in chunks]
    assert {chunk["id"] for chunk in (opening, piece, closing, last)} == {"chatcmpl-0123456789abcdef01234567"}
    assert opening["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert piece["choices"][0] == {
        "index": 0,
        "delta": {"content": "The docs do not say."},
        "logprobs": None,
        "finish_reason": None,
    }
    assert (closing["choices"][0]["delta"], closing["choices"][0]["finish_reason"]) == ({}, "stop")
    assert closing["docent"] == {
        "answer_id": ANSWER.id,
        "decision": "escalate",
        "confidence": 0.2,
        "reasons": ["no_relevant_docs"],
        "kind": "none",
        "citations": [],
    }
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 10)


async def test_what_was_held_back_comes_before_the_end() -> None:
    stream = begun()
    stream.add(AnswerDelta(text=ANSWER.text))
    stream.add(AnswerCompleted(answer=ANSWER))
    text = CompletionText("", ["say. And more"])
    chunks = [chunk or {} async for chunk in service.chunks(stream, text, include_usage=False)]
    contents = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
    assert contents == ["", "The docs do not ", "say.", None]


async def test_silence_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_KEEPALIVE_SECONDS", 0.01)
    stream = begun()
    seen: list[dict[str, Any] | None] = []
    async for chunk in service.chunks(stream, CompletionText(""), include_usage=False):
        seen.append(chunk)
        if seen.count(None) == 2 and not stream.ended:
            stream.add(AnswerCompleted(answer=ANSWER))
    assert seen[1:3] == [None, None]
    assert stream.readers == 0


async def test_who_leaves_in_a_silence_is_counted_out() -> None:
    left: list[str] = []
    stream = AnswerStream(ANSWER.id, "conv_1", "key:1", on_left=lambda one: left.append(one.answer_id))
    chunks = service.chunks(stream, CompletionText(""), include_usage=False)
    await anext(chunks)
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (left, stream.readers) == ([ANSWER.id], 0)


async def test_a_failure_is_the_last_chunk() -> None:
    stream = begun()
    stream.fail(EngineUnavailable("the engine is gone", retry_after=3))
    *_, last = [chunk async for chunk in service.chunks(stream, CompletionText(""), include_usage=True)]
    assert last == {
        "error": {
            "message": "the engine is gone",
            "type": "server_error",
            "param": None,
            "code": "service_unavailable",
        }
    }
    with pytest.raises(EngineUnavailable):
        await service.whole(stream, CompletionText(""))


async def test_an_answer_that_was_stopped_is_no_completion() -> None:
    stream = begun()
    stream.add(AnswerDelta(text="Half an answer."))
    stream.fail(AnswerStopped("the service was stopped"))
    with pytest.raises(AnswerStopped):
        await service.whole(stream, CompletionText(""))
