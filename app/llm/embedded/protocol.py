"""Requests and answers of OpenAI's protocol, spelled as vLLM spells them. Unknown parameters are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import DocentError
from app.llm.embedded.engine import Piece, PromptToken, TokenLogprob


class RequestRefused(DocentError):
    """Becomes the answer `{"error": {"message", "type", "param", "code"}}` with the status."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status
        self.body = error_body(message, kind=kind, param=param, code=code)


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class TextPart(_Shape):
    type: Literal["text"]
    text: str


class ChatMessage(_Shape):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None

    def plain(self) -> dict[str, str]:
        """As the chat template takes it; parts are joined by line breaks, as vLLM does."""
        content = self.content or ""
        text = content if isinstance(content, str) else "\n".join(part.text for part in content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(_Shape):
    """continuous_usage_stats: as of vLLM; here the first chunk has a usage, too, with the prompt's tokens."""

    include_usage: bool = False
    continuous_usage_stats: bool = False


class StructuredOutputs(BaseModel):
    model_config = ConfigDict(extra="forbid")  # a constraint that is not understood must not be ignored

    choice: list[str] | None = Field(None, min_length=1, max_length=64)
    json_: Any = Field(None, alias="json")


class JsonSchema(_Shape):
    schema_: Any = Field(alias="schema")


class ResponseFormat(_Shape):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


StopString = Annotated[str, Field(min_length=1, max_length=200)]


class ChatRequest(_Shape):
    messages: list[ChatMessage] = Field(min_length=1)
    model: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    stop: StopString | Annotated[list[StopString], Field(max_length=4)] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    seed: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: float | None = Field(None, gt=0, le=2)
    ignore_eos: bool = False
    logprobs: bool | None = None
    top_logprobs: int | None = None
    prompt_logprobs: int | None = None
    continue_final_message: bool = False
    structured_outputs: StructuredOutputs | None = None
    response_format: ResponseFormat | None = None

    @property
    def wanted_tokens(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def early_usage(self) -> bool:
        return self.include_usage and self.stream_options is not None and self.stream_options.continuous_usage_stats


def error_body(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def models(model: str, context_tokens: int, created: int) -> dict[str, Any]:
    entry = {
        "id": model,
        "object": "model",
        "created": created,
        "owned_by": "docent",
        "max_model_len": context_tokens,
    }
    return {"object": "list", "data": [entry]}


def prompt_logprobs_body(prompt: Sequence[PromptToken]) -> list[dict[str, Any] | None]:
    """As vLLM has it, without ranks: an object a token, null where nothing is known of it."""
    return [
        None
        if one.logprob is None
        else {str(one.token): {"logprob": one.logprob, "decoded_token": one.spelled.decode("utf-8", "replace")}}
        for one in prompt
    ]


def logprobs_body(logprobs: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    if logprobs is None:
        return None
    return {
        "content": [
            {
                "token": entry.spelled.decode("utf-8", "replace"),
                "logprob": entry.logprob,
                "bytes": list(entry.spelled),
                "top_logprobs": [],
            }
            for entry in logprobs
        ]
    }


class Answer:
    """Builds the objects of one answer: they share id, time and model."""

    def __init__(self, answer_id: str, created: int, model: str, prompt_tokens: int, *, logprobs: bool) -> None:
        self._head = {"id": answer_id, "created": created, "model": model}
        self._prompt_tokens = prompt_tokens
        self._logprobs = logprobs

    def whole(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        logprobs = [entry for piece in pieces for entry in piece.logprobs] if self._logprobs else None
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(piece.text for piece in pieces)},
            "logprobs": logprobs_body(logprobs),
            "finish_reason": pieces[-1].finish_reason,
        }
        prompt = {"prompt_logprobs": prompt_logprobs_body(pieces[-1].prompt)} if pieces[-1].prompt else {}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": usage(self._prompt_tokens, pieces[-1].completion_tokens),
            **prompt,
        }

    def opening(self, *, with_usage: bool = False) -> dict[str, Any]:
        chunk = self._chunk({"role": "assistant", "content": ""}, None, None)
        return chunk | {"usage": usage(self._prompt_tokens, 0)} if with_usage else chunk

    def chunk(self, piece: Piece) -> dict[str, Any]:
        delta = {"content": piece.text} if piece.text else {}
        logprobs = piece.logprobs if self._logprobs and piece.logprobs else None
        return self._chunk(delta, logprobs, piece.finish_reason or None)

    def closing(self, completion_tokens: int) -> dict[str, Any]:
        """The usage, in a chunk without choices, as OpenAI sends it."""
        return {
            **self._head,
            "object": "chat.completion.chunk",
            "choices": [],
            "usage": usage(self._prompt_tokens, completion_tokens),
        }

    def _chunk(
        self, delta: dict[str, str], logprobs: Sequence[TokenLogprob] | None, reason: str | None
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs_body(logprobs), "finish_reason": reason}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}
