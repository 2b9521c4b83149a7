"""A model's own answers to the rows with passages, and what the service's checks say of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from app.answering.prompt import NOT_IN_DOCS, Role
from app.answering.segments import sentences
from app.config import Settings
from app.errors import ConfigurationError, EngineUnavailable, Overloaded, PromptTooLong
from app.llm.client import ChatClient, Message
from app.llm.embedded.process import EmbeddedEngine
from training.errors import SourceError
from training.formats.citing import Grounds
from training.formats.raft import Example
from training.model_source import find, identity
from training.rows import Chat
from training.schema.prepare import Rejecting
from training.teacher.cache import Cache, Reply, key_of

ANSWERS = "answers"  # in the run's folder
_TRIES = 5
_FIRST_WAIT = 1.0  # seconds, doubled each time
_TIMEOUT = 300.0


def fault(answer: str, example: Example, grounds: Grounds) -> str:
    """Why the service would not have an answer to `example`'s prompt, '' where it would.

    `answered`: nothing in the passages holds the answer, and the model did not abstain. `abstained`: one does, and it
    did. `not_grounded`: a sentence of it stands on no passage.
    """
    if NOT_IN_DOCS in answer:
        return "abstained" if example.gold else ""
    if not example.gold:
        return "answered"
    cited = grounds.cite(answer, example.passages)
    return "not_grounded" if cited.supported < 1 else ""


async def model_answers(
    prompts: Sequence[Chat], how: Rejecting, folder: Path, seed: int, advance: Callable[[], None]
) -> list[str | None]:
    """The model's answer to each prompt, None where it said nothing or the prompt is too long for it.

    Each is kept in `folder/answers` as it comes: the same call asks only for what is not there.
    """
    cache = Cache(folder / ANSWERS)
    named = how.model or (identity(how.embedded) if how.embedded else how.base_url or "")
    sampling = {"temperature": how.temperature, "max_tokens": how.max_tokens, "seed": seed}
    requests = [{"model": named, "messages": prompt, **sampling} for prompt in prompts]
    found = [cache.get(key_of(request)) for request in requests]
    for known in found:
        if known is not None:
            advance()
    if all(found):
        return [_said(reply) for reply in found]
    places = asyncio.Semaphore(how.concurrency)

    async def ask(client: ChatClient, number: int) -> None:
        async with places:
            reply = await _patiently(client, prompts[number], how, seed)
        cache.put(key_of(requests[number]), requests[number], reply)
        found[number] = reply
        advance()

    async with _client(how, folder) as client:
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, reply in enumerate(found):
                    if reply is None:
                        tasks.create_task(ask(client, number))
        except ExceptionGroup as failures:  # the first; the others were cancelled
            raise failures.exceptions[0] from failures
    return [_said(reply) for reply in found]


def _said(reply: Reply | None) -> str | None:
    """What came, up to its last whole sentence where it was cut off."""
    if reply is None:
        return None
    text = reply.text.strip()
    if reply.finish_reason == "length":
        *whole, _ = [0, *(end for _, end in sentences(text))]
        text = text[: whole[-1]] if whole else ""
    return text or None


async def _patiently(client: ChatClient, prompt: Chat, how: Rejecting, seed: int) -> Reply:
    messages = [Message(cast("Role", one["role"]), one["content"]) for one in prompt]
    wait = _FIRST_WAIT
    for tried in range(1, _TRIES + 1):
        try:
            said = await client.complete(messages, temperature=how.temperature, max_tokens=how.max_tokens, seed=seed)
        except PromptTooLong:
            return Reply("", "too_long", 0, 0)
        except (EngineUnavailable, Overloaded) as error:
            if tried == _TRIES:
                raise
            await asyncio.sleep(max(wait, error.retry_after or 0.0 if isinstance(error, Overloaded) else 0.0))
            wait *= 2
        else:
            return Reply(said.text, said.finish_reason, said.prompt_tokens, said.completion_tokens)
    raise AssertionError  # the last try returns or raises


@asynccontextmanager
async def _client(how: Rejecting, folder: Path) -> AsyncIterator[ChatClient]:
    engine = None
    if how.embedded is not None:
        settings = Settings().engine.model_copy(update={"model": find(how.embedded).path})
        engine = EmbeddedEngine(settings, folder / "engine")
        await engine.start()
        base_url, key = engine.base_url, engine.api_key
    else:
        base_url, key = how.base_url or "", api_key(how)
    client = ChatClient(base_url=base_url, api_key=key, model=how.model, timeout_seconds=_TIMEOUT)
    try:
        await client.ready()
        yield client
    except ConfigurationError as error:  # it speaks of the service's settings
        raise SourceError(f"rejecting: {base_url} does not answer as {how.model or 'its first model'}") from error
    finally:
        await client.aclose()
        if engine is not None:
            await engine.stop()


def api_key(how: Rejecting) -> str:
    """Empty where the recipe names no variable. Raises SourceError for one that is not set."""
    if how.api_key_env is None:
        return ""
    if how.api_key_env not in os.environ:
        raise SourceError(f"rejecting.api_key_env: the environment variable {how.api_key_env} is not set")
    return os.environ[how.api_key_env]
