"""Replies by the hash of what was asked, so that nothing is paid for twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from training.fingerprint import json_hash
from training.manifest import write_json
from training.teacher.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Reply:
    """What the teacher said. finish_reason: as the endpoint gives it; `length` is a reply that was cut off."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)


def request_of(prompt: Prompt, model: str, sampling: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides about a reply. Not the endpoint's address: a model may move."""
    return {
        "model": model,
        "messages": [asdict(message) for message in prompt.messages],
        "schema": prompt.schema,
        **sampling,
    }


def key_of(request: Mapping[str, Any]) -> str:
    return json_hash(request)


class Cache:
    """A file a reply, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Reply | None:
        """None also for a file that was damaged."""
        try:
            return _REPLY.validate_python(json.loads(self._file(key).read_text(encoding="utf-8"))["reply"])
        except (FileNotFoundError, ValueError, KeyError, TypeError, ValidationError):
            return None

    def put(self, key: str, request: Mapping[str, Any], reply: Reply) -> None:
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"request": request, "reply": asdict(reply)})

    def drop(self, key: str) -> None:
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"
