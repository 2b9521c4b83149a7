"""A visitor of the start page, as a browser is one: session, questions as streams, and connections that break."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.service import RunningService

# Sixteen visitors of one machine ask as often as they can: what is limited elsewhere is measured here.
UNLIMITED = {
    f"DOCENT_LIMITS__{name}": "1000000/minute"
    for name in ("QUESTIONS_PER_SESSION", "QUESTIONS_PER_ADDRESS", "SESSIONS_PER_ADDRESS", "REQUESTS_PER_ADDRESS")
}


@dataclass(slots=True)
class Streamed:
    """Events of one answer, over all its connections. status: of the first response."""

    status: int
    ids: list[str] = field(default_factory=list)
    text: str = ""
    last: str = ""
    answer: dict[str, Any] | None = None
    resumed: int = 0

    def end(self, question: str) -> str:
        """completed, failed, lost, mixed (another answer's event, or one twice, or one missing) or the status."""
        if self.status != httpx.codes.OK:
            return str(self.status)
        answer_id = self.ids[0].partition(":")[0] if self.ids else ""
        if self.ids != [f"{answer_id}:{number}" for number in range(1, len(self.ids) + 1)]:
            return "mixed"
        if self.last == "answer.completed" and self.answer is not None:
            same = (self.answer["question"], self.answer["text"]) == (question, self.text)
            return "completed" if same else "mixed"
        return "failed" if self.last == "answer.failed" else "lost"


class Visitor:
    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}

    async def ask(self, question: str, cut_after: int = 0) -> Streamed:
        """Ask, and read to the end. cut_after: events after which the connection is closed and a new one goes on."""
        body = {"question": question}
        async with self._client.stream("POST", "/api/v1/chat/messages", json=body, headers=self._headers) as response:
            streamed = Streamed(response.status_code)
            if response.status_code == httpx.codes.OK:
                await _read(response, streamed, cut_after)
        if streamed.ids and streamed.last not in {"answer.completed", "answer.failed"}:
            await self._resume(streamed)
        return streamed

    async def _resume(self, streamed: Streamed) -> None:
        streamed.resumed += 1
        answer_id = streamed.ids[0].partition(":")[0]
        headers = {**self._headers, "Last-Event-ID": streamed.ids[-1]}
        async with self._client.stream("GET", f"/api/v1/chat/answers/{answer_id}/events", headers=headers) as response:
            if response.status_code == httpx.codes.OK:
                await _read(response, streamed, 0)


async def _read(response: httpx.Response, streamed: Streamed, cut_after: int) -> None:
    event, data, seen = "", "", 0
    async for line in response.aiter_lines():
        if line.startswith("event:"):
            event = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data = line.removeprefix("data:").strip()
        elif line.startswith("id:"):
            streamed.ids.append(line.removeprefix("id:").strip())
        elif not line and event:
            read = json.loads(data)
            streamed.last = event
            streamed.text += read["text"] if event == "answer.delta" else ""
            streamed.answer = read["answer"] if event == "answer.completed" else None
            event, seen = "", seen + 1
            if seen == cut_after:
                return


@asynccontextmanager
async def visitors(service: RunningService, count: int) -> AsyncIterator[list[Visitor]]:
    """So many visitors of the service's start page, each with a session and connections of its own."""
    origin = {"Origin": service.url}
    limits = httpx.Limits(max_connections=2 * count)
    async with httpx.AsyncClient(base_url=service.url, headers=origin, timeout=300, limits=limits) as client:
        made = []
        for _ in range(count):
            begun = await client.post("/api/v1/chat/sessions", json={"site_key": service.site_key})
            made.append(Visitor(client, begun.raise_for_status().json()["session"]))
        yield made
