"""The teacher's endpoint: the service's client with retries, and the service's own engine where it is the teacher."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import openai

from app.config import Settings
from app.errors import ConfigurationError, DocentError, EngineUnavailable, Overloaded, PromptTooLong
from app.llm.client import ChatClient
from app.llm.embedded.process import EmbeddedEngine
from training.errors import SourceError
from training.schema.teacher import EMBEDDED, Requests, Teacher
from training.teacher.cache import Reply
from training.teacher.prompts import Prompt

_LONGEST_WAIT = 600.0  # seconds, whatever Retry-After says
_PASSING = {408, 409, 425, 429}  # and 5xx


class RequestFailed(Exception):
    """One request that got no reply after all tries. reason: one word, for counts."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class TeacherRefuses(DocentError):
    """The endpoint would refuse every request."""

    status = 502
    kind = "teacher"
    title = "The teacher refuses"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """model: as the endpoint calls it."""

    client: ChatClient
    teacher: Teacher
    requests: Requests
    seed: int
    model: str

    @property
    def sampling(self) -> dict[str, float | int]:
        teacher = self.teacher
        return {"temperature": teacher.temperature, "max_tokens": teacher.max_tokens, "seed": self.seed}

    async def reply(self, prompt: Prompt) -> tuple[Reply, int]:
        """The reply, and how many tries it took. Raises RequestFailed and TeacherRefuses."""
        how = self.requests
        for tries in range(1, how.retries + 2):
            try:
                return await self._once(prompt), tries
            except DocentError as error:
                wait = _wait(error, how.retry_seconds * 2 ** (tries - 1))
                if isinstance(error, ConfigurationError):
                    raise TeacherRefuses(_refusal(error, self.teacher)) from error
                if wait is None or tries > how.retries:
                    raise RequestFailed(_reason(error), f"{error.detail} (tries: {tries})") from error
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _once(self, prompt: Prompt) -> Reply:
        said = await self.client.complete(
            prompt.messages,
            temperature=self.teacher.temperature,
            max_tokens=self.teacher.max_tokens,
            seed=self.seed,
            json_schema=prompt.schema,
        )
        return Reply(said.text, said.finish_reason, said.prompt_tokens, said.completion_tokens)


@asynccontextmanager
async def open_endpoint(teacher: Teacher, requests: Requests, seed: int, engine_dir: Path) -> AsyncIterator[Endpoint]:
    """engine_dir: where the embedded engine keeps its converted weights and its log."""
    async with AsyncExitStack() as stack:
        if teacher.base_url == EMBEDDED:
            engine = EmbeddedEngine(Settings().engine, engine_dir)
            client = client_of(engine.base_url, engine.api_key, "", requests.timeout_seconds)
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(engine.stop)
            await engine.start()
            await client.ready()  # takes the engine's model
        else:
            client = client_of(teacher.base_url, key_of(teacher), teacher.model, requests.timeout_seconds)
            stack.push_async_callback(client.aclose)
        yield Endpoint(client, teacher, requests, seed, client.model)


def client_of(base_url: str, api_key: str, model: str, timeout_seconds: float) -> ChatClient:
    return ChatClient(base_url=base_url, api_key=api_key, model=model, timeout_seconds=timeout_seconds)


def key_of(teacher: Teacher) -> str:
    """From the environment. Raises SourceError where the variable is not set."""
    if not teacher.api_key_env:
        return ""
    if not (key := os.environ.get(teacher.api_key_env, "")):
        raise SourceError(f"the environment variable {teacher.api_key_env} is not set: it holds the teacher's key")
    return key


def _status(error: DocentError) -> int | None:
    return error.__cause__.status_code if isinstance(error.__cause__, openai.APIStatusError) else None


def _reason(error: DocentError) -> str:
    if isinstance(error, PromptTooLong):
        return "prompt_too_long"
    if isinstance(error.__cause__, openai.APITimeoutError):
        return "timeout"
    status = _status(error)
    return "unreachable" if status is None else f"http_{status}"


def _wait(error: DocentError, backoff: float) -> float | None:
    """Seconds until the next try; None where another one would end in the same way."""
    status = _status(error)
    passing = status is None or status in _PASSING or status >= 500
    if not passing or not isinstance(error, EngineUnavailable | Overloaded):
        return None
    told = _retry_after(error)
    if told is not None:
        return min(told, _LONGEST_WAIT)
    # Half of it at random, so that requests which failed together do not come again together.
    return min(backoff, _LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311


def _retry_after(error: DocentError) -> float | None:
    """Seconds, of either form of the header (RFC 9110, 10.2.3)."""
    cause = error.__cause__
    value = cause.response.headers.get("retry-after", "") if isinstance(cause, openai.APIStatusError) else ""
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _refusal(error: ConfigurationError, teacher: Teacher) -> str:
    if _status(error) == 404:
        return (
            f"{teacher.base_url} has no model {teacher.model!r}: check teacher.model, and that base_url ends with /v1"
        )
    named = f"the key in {teacher.api_key_env}" if teacher.api_key_env else "requests without a key"
    return f"{teacher.base_url} refuses {named}: set teacher.api_key_env to the variable that holds a valid one"
