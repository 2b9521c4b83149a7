"""Many questions at once: every stream has to end in an answer, or in a 429 problem before it begins."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from bench.questions import LabelledQuestion
from bench.service import RunningService


async def press(
    service: RunningService, questions: Sequence[LabelledQuestion], at_once: int, seconds: float
) -> dict[str, Any]:
    """`at_once` visitors ask one question after the other for `seconds`. Counts how each stream ended.

    mixed: streams in which another question or answer id turned up. lost: those without a last event.
    """
    ends: Counter[str] = Counter()
    deadline = time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=at_once)
    async with httpx.AsyncClient(base_url=service.url, headers=service.headers, timeout=300, limits=limits) as client:

        async def visitor(number: int) -> None:
            asked = number
            while time.perf_counter() < deadline:
                end = await _one(client, questions[asked % len(questions)].question)
                ends[end] += 1
                asked += at_once
                if end == "429":
                    await asyncio.sleep(1)

        await asyncio.gather(*(visitor(number) for number in range(at_once)))
    return {"at_once": at_once, "seconds": seconds, **dict(ends)}


async def _one(client: httpx.AsyncClient, question: str) -> str:
    headers = {"Accept": "text/event-stream"}
    body = {"question": question}
    async with client.stream("POST", "/api/v1/chat/messages", json=body, headers=headers) as response:
        if response.status_code != httpx.codes.OK:
            return str(response.status_code)
        event, answer_id, last = "", "", "lost"
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                event = line.removeprefix("event:").strip()
            elif line.startswith("id:"):
                own = line.removeprefix("id:").strip().partition(":")[0]
                answer_id = answer_id or own
                if own != answer_id:
                    return "mixed"
            elif line.startswith("data:") and event in {"answer.completed", "answer.failed"}:
                data = json.loads(line.removeprefix("data:"))
                last = "completed" if event == "answer.completed" else "failed"
                if last == "completed" and data["answer"]["question"] != question:
                    return "mixed"
        return last
