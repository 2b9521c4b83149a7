"""The events of one answer in memory: every reader gets all of them once, whenever it comes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from app.answering.answer import Answer, AnswerCitation, AnswerCompleted, AnswerDelta, AnswerStarted, Citation, Event
from app.conversations.stream import AnswerStream, restored
from app.errors import Overloaded

ANSWER_ID, CONVERSATION_ID = f"ans_{1:024x}", f"conv_{1:024x}"


def _citation(marker: int) -> Citation:
    return Citation(
        marker=marker,
        chunk_id=f"c{marker}",
        title="T",
        heading_path=["H"],
        url="/p#h",
        quote=f"quote {marker}",
        score=0.5,
    )


def _answer(text: str, citations: list[Citation]) -> Answer:
    values = {
        "id": ANSWER_ID,
        "conversation_id": CONVERSATION_ID,
        "question": "Why?",
        "decision": "reply",
        "confidence": 0.9,
        "reasons": [],
        "kind": "generated",
        "text": text,
        "citations": citations,
        "model": "m",
        "index_revision": "r",
        "usage": {},
        "timings_ms": {},
    }
    return Answer.model_validate(values)


EVENTS: list[Event] = [
    AnswerStarted(id=ANSWER_ID, conversation_id=CONVERSATION_ID, question="Why?"),
    AnswerDelta(text="One [1]"),
    AnswerCitation(citation=_citation(1)),
    AnswerDelta(text=" and two [2]"),
    AnswerCitation(citation=_citation(2)),
    AnswerDelta(text=" and one again [1]"),
    AnswerCompleted(answer=_answer("One [1] and two [2] and one again [1]", [_citation(1), _citation(2)])),
]


async def _read(stream: AnswerStream, after: int, count: int = 100) -> list[tuple[int, Event]]:
    found: list[tuple[int, Event]] = []
    async with aclosing(stream.after(after)) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("written", range(len(EVENTS) + 1))
async def test_readers_that_come_at_any_time_get_all(written: int) -> None:
    """Some before, some in the middle and some after the end, each reading behind every possible event."""
    stream = AnswerStream(ANSWER_ID, CONVERSATION_ID, "local")
    for event in EVENTS[:written]:
        stream.add(event)
    readers = [asyncio.create_task(_read(stream, after)) for after in range(written + 1)]
    await asyncio.sleep(0)
    for event in EVENTS[written:]:
        stream.add(event)
        await asyncio.sleep(0)
    for after, reader in enumerate(readers):
        assert await reader == list(enumerate(EVENTS, start=1))[after:]
    assert stream.readers == 0


async def test_on_left_is_called_when_the_last_one_leaves_before_the_end() -> None:
    left: list[int] = []
    stream = AnswerStream(ANSWER_ID, CONVERSATION_ID, "local", on_left=lambda one: left.append(len(one.events)))
    stream.add(EVENTS[0])
    async with aclosing(stream.after(0)) as first:
        await anext(first)
        assert await _read(stream, 0, 1) == [(1, EVENTS[0])]
        assert left == []
    assert left == [1]
    for event in EVENTS[1:]:
        stream.add(event)
    await _read(stream, 0)
    assert left == [1]


async def test_a_stored_stream_is_as_it_was() -> None:
    stream = AnswerStream(ANSWER_ID, CONVERSATION_ID, "local")
    for event in EVENTS:
        stream.add(event)
    answer = stream.answer
    assert answer is not None
    assert stream.shown == ["One [1]", 1, " and two [2]", 2, " and one again [1]"]
    again = restored(answer, "local", stream.shown)
    assert again.events == EVENTS
    assert again.ended


async def test_a_failure_ends_it_once() -> None:
    stream = AnswerStream(ANSWER_ID, CONVERSATION_ID, "local")
    stream.add(EVENTS[0])
    stream.fail(Overloaded("full", retry_after=5))
    stream.fail(Overloaded("again"))
    assert [event.event for event in stream.events] == ["answer.started", "answer.failed"]
    assert stream.error is not None
    assert stream.error.detail == "full"
    assert stream.answer is None
