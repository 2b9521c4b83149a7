"""The only home of the `openai` client: every model, ours or another's, is spoken to through this class."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast
from urllib.parse import urlsplit

import openai
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from app.errors import ConfigurationError, DocentError, EngineUnavailable, Overloaded, PromptTooLong

_CONNECT_SECONDS = 5.0
# Servers on uvicorn, vLLM among them, close an idle connection after 5 s. One that is not used for 2 s is not used
# again, so that no request meets a connection which is being closed.
_KEEPALIVE_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 5  # where the server names no time
# How OpenAI, vLLM and llama.cpp say that a prompt does not fit.
_TOO_LONG = ("context length", "context_length", "maximum model length", "context size", "exceed_context")


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer. The last one has no text, and the usage (0 where the server does not count); tokens that an
    earlier one had are not in it.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """Log-likelihood of a given text (nats) after a prompt, and how many tokens it has."""

    total: float
    tokens: int
    prompt_tokens: int

    @property
    def mean(self) -> float:
        return self.total / self.tokens


class ScoringUnsupported(EngineUnavailable):
    """The endpoint gives no likelihoods of the kind that was asked for. Only evaluations ask."""


class ChatClient:
    """One endpoint and one model. `base_url` ends with /v1; an empty `model` is the first that is served.

    timeout_seconds: the longest wait for the next piece of an answer.
    Raises EngineUnavailable, Overloaded, PromptTooLong and ConfigurationError, each saying what to do.
    """

    def __init__(
        self, *, base_url: str, api_key: str, model: str, timeout_seconds: float, early_usage: bool = False
    ) -> None:
        """early_usage: whether the endpoint tells the prompt's tokens with the first chunk, for streams that are cut
        short. OpenAI's own refuses to be asked.
        """
        self.model = model
        self._early_usage = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
        if not early_usage:
            self._early_usage = {}
        self._base_url = base_url
        # The class of the default, because the openai package brings its own httpx under a name that changes.
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=1000, keepalive_expiry=_KEEPALIVE_SECONDS)
        self._client = AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",  # an empty one would be replaced by OPENAI_API_KEY of the environment
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(
                timeout=openai.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
                limits=limits,
                trust_env=not _is_loopback(base_url),  # a proxy is for other machines
            ),
        )

    async def ready(self) -> None:
        """Reaches the endpoint once, and takes its first model where none is named."""
        try:
            listed = [entry.id async for entry in self._client.models.list()]
        except openai.NotFoundError as error:
            if self.model:
                return  # not every endpoint lists its models
            raise ConfigurationError(
                f"{self._base_url} lists no models: check DOCENT_LLM__BASE_URL, which ends with /v1, "
                "or name the model in DOCENT_LLM__MODEL"
            ) from error
        except openai.OpenAIError as error:
            self._fail(error)
        if not self.model:
            if not listed:
                raise EngineUnavailable(f"{self._base_url} serves no model: load one there, or set DOCENT_LLM__MODEL")
            self.model = listed[0]

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        temperature: float,
        max_tokens: int,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """The answer as it comes. Closing the iterator closes the connection, and with it the work of the server."""
        if not self.model:
            await self.ready()
        request = self._request(messages, temperature=temperature, max_tokens=max_tokens, stop=stop, seed=seed)
        try:
            response: AsyncStream[ChatCompletionChunk] = await self._client.chat.completions.create(
                **request, stream=True, stream_options={"include_usage": True}, extra_body=self._early_usage
            )
            async with response, aclosing(_chunks(response)) as chunks, aclosing(_deltas(chunks)) as deltas:
                async for delta in deltas:
                    yield delta
        except openai.OpenAIError as error:
            self._fail(error)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        temperature: float,
        max_tokens: int,
        stop: Sequence[str] = (),
        seed: int | None = None,
        json_schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """The answer at once. With a schema its text is JSON of that form, or cut off at max_tokens."""
        if not self.model:
            await self.ready()
        request = self._request(messages, temperature=temperature, max_tokens=max_tokens, stop=stop, seed=seed)
        if json_schema is not None:
            named = {"name": "answer", "schema": dict(json_schema), "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": named}
        try:
            answer: ChatCompletion = await self._client.chat.completions.create(**request, stream=False)
        except openai.OpenAIError as error:
            self._fail(error)
        if not answer.choices:
            raise EngineUnavailable(f"{self._base_url} sent an answer without content: see its log")
        usage = answer.usage
        return Completion(
            text=answer.choices[0].message.content or "",
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            finish_reason=answer.choices[0].finish_reason,
        )

    async def score(self, messages: Sequence[Message], text: str) -> Score:
        """How likely the model's answer begins with `text`, by vLLM's extension of the protocol.

        The embedded engine has it, too. Raises ScoringUnsupported for endpoints that have not, such as OpenAI's own.
        """
        continued = [*messages, Message("assistant", text)]
        extension = {"continue_final_message": True, "add_generation_prompt": False, "prompt_logprobs": 0}
        answer = await self._once(continued, {"extra_body": extension})
        found = (answer.model_extra or {}).get("prompt_logprobs")
        if not found:
            raise ScoringUnsupported(f"{self._base_url} gives no prompt_logprobs, which the likelihood of a text takes")
        values = _of_the_end(found, text)
        return Score(sum(values), len(values), answer.usage.prompt_tokens if answer.usage else 0)

    async def first_token(self, messages: Sequence[Message], most: int) -> tuple[dict[str, float], int]:
        """Logprobs of the `most` likeliest first tokens of the answer, by their text, and the prompt's tokens.

        Raises ScoringUnsupported where the endpoint does not give them.
        """
        answer = await self._once(messages, {"logprobs": True, "top_logprobs": most})
        told = answer.choices[0].logprobs if answer.choices else None
        if told is None or not told.content or not told.content[0].top_logprobs:
            raise ScoringUnsupported(f"{self._base_url} gives no top_logprobs")
        tops = told.content[0].top_logprobs
        return {one.token: one.logprob for one in reversed(tops)}, answer.usage.prompt_tokens if answer.usage else 0

    async def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> str:
        """The choice that the model makes where it may say nothing else: vLLM's structured outputs."""
        constraint = {"structured_outputs": {"choice": list(choices)}}
        answer = await self._once(messages, {"extra_body": constraint}, max_tokens=16)
        return (answer.choices[0].message.content or "").strip() if answer.choices else ""

    async def _once(
        self, messages: Sequence[Message], more: Mapping[str, Any], *, max_tokens: int = 1
    ) -> ChatCompletion:
        """A completion at temperature 0. Raises ScoringUnsupported where the endpoint refuses what `more` asks for."""
        if not self.model:
            await self.ready()
        request = self._request(messages, temperature=0, max_tokens=max_tokens, stop=(), seed=None)
        try:
            answer: ChatCompletion = await self._client.chat.completions.create(**request, stream=False, **more)
        except openai.BadRequestError as error:
            if _is_too_long(error):
                self._fail(error)
            raise ScoringUnsupported(f"{self._base_url} refuses {', '.join(more)}: {error.message}") from error
        except openai.OpenAIError as error:
            self._fail(error)
        return answer

    async def aclose(self) -> None:
        await self._client.close()

    def _request(
        self,
        messages: Sequence[Message],
        *,
        temperature: float,
        max_tokens: int,
        stop: Sequence[str],
        seed: int | None,
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": temperature,
            "max_tokens": max_tokens,
        }
        if stop:
            request["stop"] = list(stop)
        if seed is not None:
            request["seed"] = seed
        return request

    def _fail(self, error: openai.OpenAIError) -> NoReturn:
        raise self._translated(error) from error

    def _translated(self, error: openai.OpenAIError) -> DocentError:
        if isinstance(error, openai.APIStatusError) and error.status_code < 500:
            return self._refused(error)
        if isinstance(error, openai.APITimeoutError):
            hint = "see its log, or raise DOCENT_LLM__TIMEOUT_SECONDS"
            return EngineUnavailable(f"{self._base_url} does not answer in time: {hint}")
        if isinstance(error, openai.APIConnectionError):
            return EngineUnavailable(f"{self._base_url} cannot be reached, or broke off: is it running?")
        return EngineUnavailable(f"{self._base_url} failed: {error}")

    def _refused(self, error: openai.APIStatusError) -> DocentError:
        where, status = self._base_url, error.status_code
        if status in {401, 403}:
            return ConfigurationError(f"{where} refuses the key: check DOCENT_LLM__API_KEY")
        if status == 404:
            return ConfigurationError(f"{where} has no model {self.model!r}: check DOCENT_LLM__MODEL")
        if status == 429:
            wait = _retry_after(error.response.headers)
            return Overloaded("the model has too many requests: try again later", retry_after=wait)
        if _is_too_long(error):
            return PromptTooLong(error.message)
        return EngineUnavailable(f"{where} refuses the request ({status}): {error.message}")


def _chunks(response: AsyncStream[ChatCompletionChunk]) -> AsyncGenerator[ChatCompletionChunk]:
    """What iterating over `response` gives, as a generator that can be closed.

    The one that `response` keeps for itself stays half read when reading ends early, in a cycle of references with it:
    the garbage collector then closes it in whatever thread it runs in, and complains.
    """
    return cast("AsyncGenerator[ChatCompletionChunk]", response.__stream__())


async def _deltas(chunks: AsyncGenerator[ChatCompletionChunk]) -> AsyncGenerator[Delta, None]:
    finished = False
    prompt_tokens = completion_tokens = told = 0
    async for chunk in chunks:
        if chunk.usage is not None:
            if chunk.choices and not chunk.choices[0].finish_reason and not prompt_tokens:
                yield Delta("", chunk.usage.prompt_tokens)
                told = chunk.usage.prompt_tokens
            prompt_tokens, completion_tokens = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
        for choice in chunk.choices or ():  # the last chunk, with the usage, has none
            finished = finished or bool(choice.finish_reason)
            if choice.delta.content:
                yield Delta(choice.delta.content)
    if not finished:
        raise EngineUnavailable("the answer of the model broke off: try again")
    yield Delta("", prompt_tokens - told, completion_tokens)


def _of_the_end(found: Sequence[Mapping[str, Mapping[str, Any]] | None], text: str) -> list[float]:
    """Logprobs of the tokens at the end that spell `text`. Raises EngineUnavailable where there are fewer.

    Characters are counted in ASCII: of others a token may hold a part, which is spelled as one replacement character.
    """
    values: list[float] = []
    left = _ascii(text)
    begins_in_parts = not text[:1].isascii()
    for one in reversed(found):
        if one is None:
            break
        entry = next(iter(one.values()))
        spelled = _ascii(str(entry["decoded_token"]))
        if left <= 0 and not (begins_in_parts and not spelled):
            break
        left -= spelled
        values.append(float(entry["logprob"]))
    if left > 0 or not values:
        raise EngineUnavailable("the endpoint told likelihoods of less than the given text")
    return values[::-1]


def _ascii(text: str) -> int:
    return sum(character.isascii() for character in text)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(headers: Mapping[str, str]) -> int:
    """Whole seconds; the other form of the header, a date, counts as absent."""
    value = headers.get("retry-after", "")
    return int(value) if value.isdigit() else _RETRY_AFTER_SECONDS


def _is_too_long(error: openai.APIStatusError) -> bool:
    said = f"{error.code} {error.message}".lower()
    return any(words in said for words in _TOO_LONG)
