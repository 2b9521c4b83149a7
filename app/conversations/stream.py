"""The events of one answer while it is made: who loses the connection reads on where it broke."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from app.answering.answer import (
    Answer,
    AnswerCitation,
    AnswerCompleted,
    AnswerDelta,
    AnswerFailed,
    AnswerStarted,
    Event,
)
from app.errors import DocentError
from app.problems import problem

_MARKER = re.compile(r"\s*\[\d+\]$")  # a delta ends with it


@dataclass(slots=True)
class AnswerStream:
    """Written by one task, read by any number. Events are numbered from 1.

    on_left: called when the last reader leaves before the end. visits: readers that ever came.
    """

    answer_id: str
    conversation_id: str
    owner: str
    on_left: Callable[[AnswerStream], None] = lambda _: None
    events: list[Event] = field(default_factory=list)
    readers: int = 0
    visits: int = 0
    ended: bool = False
    storing: bool = False
    error: DocentError | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: Event) -> None:
        self.events.append(event)
        self.ended = isinstance(event, AnswerCompleted | AnswerFailed)
        self._changed.set()
        self._changed = asyncio.Event()

    def fail(self, error: DocentError) -> None:
        """End with `answer.failed`; nothing where it has ended before."""
        if not self.ended:
            self.error = error
            self.add(AnswerFailed(problem=problem(error)))

    async def after(self, number: int) -> AsyncGenerator[tuple[int, Event]]:
        """The events behind `number` (0: all) with their numbers, as they come, to the last one."""
        self.readers += 1
        self.visits += 1
        try:
            while True:
                changed = self._changed
                while number < len(self.events):
                    number += 1
                    yield number, self.events[number - 1]
                if self.ended:
                    return
                await changed.wait()
        finally:
            self.readers -= 1
            if self.readers == 0 and not self.ended:
                self.on_left(self)

    async def after_or_silence(self, number: int, seconds: float) -> AsyncGenerator[tuple[int, Event] | None]:
        """As `after`, and None for every so many seconds without an event: proxies cut streams that say nothing."""
        async with aclosing(self.after(number)) as events:
            coming: asyncio.Future[tuple[int, Event]] | None = None
            try:
                while True:
                    coming = coming or asyncio.ensure_future(anext(events))
                    done, _ = await asyncio.wait({coming}, timeout=seconds)
                    if not done:
                        yield None
                        continue
                    try:
                        event = coming.result()
                    except StopAsyncIteration:
                        return
                    coming = None
                    yield event
            finally:
                if coming is not None:
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)

    @property
    def answer(self) -> Answer | None:
        """The whole answer, once it is there."""
        last = self.events[-1] if self.events else None
        return last.answer if isinstance(last, AnswerCompleted) else None

    @property
    def unmarked_text(self) -> str:
        """What was shown so far, without the markers of citations: those of a stopped answer are not kept."""
        return "".join(_MARKER.sub("", event.text) for event in self.events if isinstance(event, AnswerDelta))

    @property
    def shown(self) -> list[str | int]:
        """What was shown, in order: the text of a delta, the marker of a citation. `restored` is its inverse."""
        return [
            event.text if isinstance(event, AnswerDelta) else event.citation.marker
            for event in self.events
            if isinstance(event, AnswerDelta | AnswerCitation)
        ]


def restored(answer: Answer, owner: str, shown: list[str | int]) -> AnswerStream:
    """The stream of a stored answer, event for event as it was."""
    stream = AnswerStream(answer.id, answer.conversation_id, owner)
    stream.add(AnswerStarted(id=answer.id, conversation_id=answer.conversation_id, question=answer.question))
    cited = {citation.marker: citation for citation in answer.citations}
    for one in shown:
        stream.add(AnswerDelta(text=one) if isinstance(one, str) else AnswerCitation(citation=cited[one]))
    stream.add(AnswerCompleted(answer=answer))
    return stream
