"""One completion: a question with its history is asked, and the events of its answer become OpenAI's objects."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from app.auth.principal import Principal
from app.conversations.service import AnswerStopped, Conversations, NewQuestion
from app.conversations.stream import AnswerStream
from app.errors import DocentError
from app.openai_api.completion import Completion
from app.openai_api.completion_text import CompletionText
from app.openai_api.dialogue import Dialogue
from app.openai_api.errors import body_of

_KEEPALIVE_SECONDS = 15.0


async def begin(talk: Conversations, principal: Principal, dialogue: Dialogue) -> AnswerStream:
    """A conversation of its own for every request: the client keeps the history. Raises InvalidInput or Overloaded."""
    return await talk.ask(principal, NewQuestion(dialogue.question, "openai", history=dialogue.history))


async def whole(stream: AnswerStream, text: CompletionText) -> dict[str, Any]:
    """The chat.completion. Raises why there is no answer."""
    async with aclosing(stream.after(0)) as events:
        said = [text.feed(event) async for _, event in events]
    said.append(text.finish())
    if stream.answer is None:
        raise _failure(stream)
    return Completion(stream.answer_id).whole(stream.answer, "".join(said), text.finish_reason)


async def chunks(
    stream: AnswerStream, text: CompletionText, *, include_usage: bool
) -> AsyncGenerator[dict[str, Any] | None]:
    """The chunks while they come, and None for every _KEEPALIVE_SECONDS without one; an error is the last of them."""
    completion = Completion(stream.answer_id, include_usage=include_usage)
    yield completion.opening()
    async with aclosing(stream.after_or_silence(0, _KEEPALIVE_SECONDS)) as events:
        async for numbered in events:
            if numbered is None:
                yield None
            elif said := text.feed(numbered[1]):
                yield completion.piece(said)
    if stream.answer is None:
        yield body_of(_failure(stream))
        return
    if said := text.finish():
        yield completion.piece(said)
    for chunk in completion.closing(stream.answer, text.finish_reason):
        yield chunk


def _failure(stream: AnswerStream) -> DocentError:
    return stream.error or AnswerStopped("the service was stopped before the answer was there: ask again")
