"""Asking the Answerer, with everything that it shows recorded and held to the contract of an answer."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from app.answering.answer import Answer, AnswerCitation, AnswerCompleted, AnswerDelta
from app.answering.answerer import Answerer, AnswerEvent, Asked, new_answer_id
from app.answering.bundle import OneBundle
from app.answering.prompt import Turn
from app.answering.trace import AnswerTrace
from app.config import AnsweringSettings
from app.llm.client import ChatClient
from app.runtime import Core


@dataclass
class Asking:
    """An Answerer with the trace of the last answer and everything that was shown of it."""

    core: Core
    answerer: Answerer
    trace: AnswerTrace = field(default_factory=AnswerTrace)
    deltas: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def of(cls, core: Core, base_url: str, settings: AnsweringSettings) -> AsyncIterator[Asking]:
        client = ChatClient(base_url=base_url, api_key="", model="scripted", timeout_seconds=30)
        try:
            yield cls(core, Answerer(OneBundle(settings, client), core.library))
        finally:
            await client.aclose()

    async def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """The answer, after all that holds for every answer was checked."""
        self.trace = AnswerTrace()
        asked = Asked(new_answer_id(), "conv_1", question)
        async with aclosing(self.answerer.answer(asked, history, self.trace)) as stream:
            events = [event async for event in stream]
        self.deltas = [event.text for event in events if isinstance(event, AnswerDelta)]
        answer = check_events(events)
        assert (answer.id, answer.conversation_id, answer.question) == (asked.answer_id, "conv_1", question)
        await self._check_citations(answer)
        return answer

    def dropped(self) -> dict[str, str]:
        """Text and problem of the segments that were not shown."""
        segments: list[dict[str, Any]] = self.trace.stages.get("segments", [])
        return {one["text"]: one["problem"] for one in segments if not one["shown"]}

    async def _check_citations(self, answer: Answer) -> None:
        revision = await self.core.library.current()
        assert answer.index_revision == revision.id
        found = {one.chunk.id: one.chunk for one in (await self.core.library.search(answer.question, 100)).candidates}
        for citation in answer.citations:
            chunk = found[citation.chunk_id]
            places = [match.start() for match in re.finditer(re.escape(citation.quote), chunk.text)]
            assert places, "a quote has to be verbatim"
            assert citation.title == chunk.title
            assert (citation.url, citation.heading_path) in [
                (chunk.url_at(at), list(chunk.span_at(at).heading_path)) for at in places
            ]


def check_events(events: Sequence[AnswerEvent]) -> Answer:
    """The answer at the end of `events`, after their order was checked."""
    *shown, last = events
    assert isinstance(last, AnswerCompleted)
    answer = last.answer
    assert "".join(event.text for event in shown if isinstance(event, AnswerDelta)) == answer.text
    assert [event.citation for event in shown if isinstance(event, AnswerCitation)] == answer.citations
    assert [citation.marker for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    for before, event in itertools.pairwise(shown):
        if isinstance(event, AnswerCitation):
            assert isinstance(before, AnswerDelta), "a citation follows its delta"
            assert before.text.endswith(f"[{event.citation.marker}]")
    quotes = [(citation.chunk_id, citation.quote) for citation in answer.citations]
    assert len(set(quotes)) == len(quotes), "a quote has one number"
    markers = [int(number) for number in re.findall(r"\[(\d+)\]$", answer.text, re.MULTILINE)]
    assert set(markers) <= set(range(1, len(answer.citations) + 1))
    assert 0 <= answer.confidence <= 1
    assert (answer.decision == "reply") == (not answer.reasons)
    return answer
