"""The events of an answer, over as many connections as it takes."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Iterator

import httpx
from pydantic import TypeAdapter, ValidationError

from docent_client.calls import Call, answer_events, ask
from docent_client.errors import DocentError, error_of_connection, error_of_problem
from docent_client.models import Answer, AnswerCompleted, AnswerEvent
from docent_client.retrying import Patience

_END_OF_EVENT = re.compile(rb"\r?\n\r?\n")
_EVENTS: TypeAdapter[AnswerEvent] = TypeAdapter(AnswerEvent)
_NAMES = {"answer.started", "answer.delta", "answer.citation", "answer.completed"}
_FIRST_SECONDS = 0.25


class AnswerReading:
    """What one answer's reader knows: which call is next, and which event was the last. The clients do the rest.

    reconnects: how often a connection that breaks is made anew, all told.
    """

    def __init__(self, question: str, conversation_id: str | None, patience: Patience, reconnects: int = 5) -> None:
        # With an id of ours, a question whose response was lost is not asked twice: see `wait_after`.
        self.call: Call[None] = ask(question, conversation_id, str(uuid.uuid4()))
        self.answer: Answer | None = None
        self._patience = patience
        self._reconnects = reconnects
        self._answer_id = ""
        self._rest = b""
        self._over = False

    def events(self, piece: bytes) -> Iterator[AnswerEvent]:
        """The events that `piece` of a response's body completes. Raises DocentError for `answer.failed`."""
        *whole, self._rest = _END_OF_EVENT.split(self._rest + piece)
        for block in whole:
            event = self._read(block.decode())
            if event is not None:
                yield event

    def check_ended(self) -> None:
        """At the end of a response. Raises httpx.RemoteProtocolError where the answer is not over."""
        if self.answer is None:
            raise httpx.RemoteProtocolError("the stream ended before the answer did")

    def wait_after(self, error: Exception) -> float:
        """Seconds until `call`, which may be another one now, is sent. Raises DocentError where it is of no use."""
        failure = error_of_connection(error) if isinstance(error, httpx.TransportError) else error
        if not isinstance(failure, DocentError) or self._over:
            raise failure
        self._rest = b""
        if failure.kind == "repeated-message" and not self._answer_id:
            self._follow(str(failure.problem.get("answer_id", "")), "")
            return 0.0
        if failure.status is not None:
            return self._patience.wait_after(failure, repeatable=True)
        if self._reconnects <= 0:
            raise failure
        self._reconnects -= 1
        return _FIRST_SECONDS * random.uniform(0.5, 1.0) * float(2 ** max(0, 4 - self._reconnects))  # noqa: S311

    def _read(self, block: str) -> AnswerEvent | None:
        fields: dict[str, str] = {}
        for line in block.replace("\r\n", "\n").split("\n"):
            name, _, value = line.partition(":")
            if name:  # a line that begins with a colon is a comment
                fields[name] = value.removeprefix(" ")
        name = fields.get("event", "")
        try:
            data = json.loads(fields.get("data", "null"))
            if name == "answer.failed":
                self._over = True
                raise error_of_problem(data["problem"])
            if name not in _NAMES:
                return None
            event = _EVENTS.validate_python({**data, "event": name})
        except (ValidationError, KeyError, TypeError, json.JSONDecodeError) as error:
            self._over = True
            raise DocentError(200, "unexpected-response", f"this is no event of an answer: {block[:200]}") from error
        last = fields.get("id", "")
        self._follow(last.rpartition(":")[0], last)
        if isinstance(event, AnswerCompleted):
            self.answer, self._over = event.answer, True
        return event

    def _follow(self, answer_id: str, last_event_id: str) -> None:
        self._answer_id = answer_id
        self.call = answer_events(answer_id, last_event_id)
