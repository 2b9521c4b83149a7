"""The objects of one completion: chat.completion, chat.completion.chunk and model, as OpenAI's reference has them."""

from __future__ import annotations

import time
from typing import Any

from app.answering.answer import Answer
from app.openai_api.schemas import MODEL

_CREATED = 1_795_305_600  # 2026-11-22, since when there is this model

# An example for the API's description.
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-5f0c9e1b7a2d4c6e8f013579",
    "object": "chat.completion",
    "created": _CREATED,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Run `lumen stop`. [[1]](https://docs.example.org/start/)"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 412, "completion_tokens": 14, "total_tokens": 426},
}


def completion_id(answer_id: str) -> str:
    """chatcmpl- and the digits of the answer's id, so that one leads to the other."""
    return f"chatcmpl-{answer_id.removeprefix('ans_')}"


def docent_fields(answer: Answer) -> dict[str, Any]:
    """What is known of an answer beyond its text; the field `docent`."""
    kept = {"decision", "confidence", "reasons", "kind", "citations"}
    return {"answer_id": answer.id, **answer.model_dump(mode="json", include=kept)}


def usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def model_object() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "docent"}


def model_list() -> dict[str, Any]:
    return {"object": "list", "data": [model_object()]}


class Completion:
    """Builds the objects of one completion: they share id, time and model."""

    def __init__(self, answer_id: str, *, include_usage: bool = False) -> None:
        self._head = {"id": completion_id(answer_id), "created": int(time.time()), "model": MODEL}
        self._include_usage = include_usage

    def whole(self, answer: Answer, text: str, finish_reason: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None, "docent": docent_fields(answer)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage(answer)}

    def opening(self) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": ""}, None)

    def piece(self, text: str) -> dict[str, Any]:
        return self._chunk({"content": text}, None)

    def closing(self, answer: Answer, finish_reason: str) -> list[dict[str, Any]]:
        """The last chunk with a choice, and the usage in one without, where it is wanted."""
        chunks = [{**self._chunk({}, finish_reason), "docent": docent_fields(answer)}]
        if self._include_usage:
            chunks.append({**self._object(), "choices": [], "usage": usage(answer)})
        return chunks

    def _chunk(self, delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        unsaid = {"usage": None} if self._include_usage else {}
        return {**self._object(), "choices": [choice], **unsaid}

    def _object(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk"}
