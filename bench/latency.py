"""How fast answers begin, and what the service adds to retrieval and engine."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.config import Settings
from app.llm.client import ChatClient, Message
from app.llm.embedded.process import EmbeddedEngine
from bench.questions import LabelledQuestion
from bench.service import RunningService, docent_serve
from bench.visitor import UNLIMITED

_QUESTIONS = 30
_LONG_PROMPTS = 10
_PAIRS = 3  # of each question: one request's time at the engine varies by more than what is looked for


@dataclass(frozen=True, slots=True)
class _Asked:
    """Milliseconds at the client. accepted: to `answer.started`, which is sent before the question is looked at.
    shown: to the first delta, 0 without one. answer: as completed.
    """

    accepted: float
    shown: float
    answer: dict[str, Any]


def measure_latency(data_dir: Path, questions: Sequence[LabelledQuestion]) -> dict[str, Any]:
    """Asks a service and the engine behind it, on an index that is there.

    added_ms: time to the model's first token as the visitor has it, less its retrieval, less the engine's own for the
    same prompt. Both are asked again for it, when the engine has the prompt in its cache: what is left of its own
    time is small then, and so is the noise. They take turns, and of each question's turns the median counts.
    """
    return asyncio.run(_measure(data_dir, questions))


async def _measure(data_dir: Path, questions: Sequence[LabelledQuestion]) -> dict[str, Any]:
    engine = EmbeddedEngine(Settings(data_dir=data_dir).engine, data_dir)
    await engine.start()
    try:
        client = ChatClient(base_url=engine.base_url, api_key=engine.api_key, model="", timeout_seconds=120)
        behind = {"DOCENT_LLM__BASE_URL": engine.base_url, "DOCENT_LLM__API_KEY": engine.api_key, **UNLIMITED}
        asked = [one.question for one in questions if one.kind == "answerable"][:_QUESTIONS]
        with docent_serve(data_dir, **behind) as service:
            first, added = await _pairs(data_dir, service, client, asked)
        long = [await _first_token(client, _long_prompt(number)) for number in range(_LONG_PROMPTS)]
        await client.aclose()
    finally:
        await engine.stop()
    shown = [one.shown for one in first if one.shown]
    return {
        "answers": len(first),
        "first_token_ms_p50": _percentile(
            [one.accepted + one.answer["timings_ms"]["first_token"] for one in first], 50
        ),
        "first_sentence_ms_p50": _percentile(shown, 50),
        "first_sentence_ms_p95": _percentile(shown, 95),
        "added_ms_p50": _percentile(added, 50),
        "added_ms_p95": _percentile(added, 95),
        "long_prompt_tokens_p50": _percentile([tokens for _, tokens in long], 50),
        "long_prompt_first_token_ms_p50": _percentile([milliseconds for milliseconds, _ in long], 50),
    }


async def _pairs(
    data_dir: Path, service: RunningService, engine: ChatClient, questions: Sequence[str]
) -> tuple[list[_Asked], list[float]]:
    """The answers to questions asked for the first time, and what the service added when they were asked again."""
    first, added = [], []
    async with httpx.AsyncClient(base_url=service.url, headers={"Origin": service.url}, timeout=300) as visitor:
        begun = await visitor.post("/api/v1/chat/sessions", json={"site_key": service.site_key})
        visitor.headers["Authorization"] = f"Bearer {begun.raise_for_status().json()['session']}"
        for question in questions:
            cold = await _ask(visitor, question)
            if not cold.answer["timings_ms"]["first_token"]:
                continue  # it was refused: no model was asked
            first.append(cold)
            prompt = _prompt(data_dir, cold.answer["id"])
            behind, own = [], []
            for _ in range(_PAIRS):
                again = await _ask(visitor, question)
                timings = again.answer["timings_ms"]
                behind.append(again.accepted + timings["first_token"] - timings["retrieve"])
                own.append((await _first_token(engine, prompt))[0])
            added.append(statistics.median(behind) - statistics.median(own))
    return first, added


async def _ask(visitor: httpx.AsyncClient, question: str) -> _Asked:
    started = time.perf_counter()
    accepted = shown = 0.0
    event, answer = "", None
    headers = {"Accept": "text/event-stream"}
    async with visitor.stream(
        "POST", "/api/v1/chat/messages", json={"question": question}, headers=headers
    ) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            now = (time.perf_counter() - started) * 1000
            if line.startswith("event:"):
                event = line.removeprefix("event:").strip()
                accepted = accepted or now
                shown = now if event == "answer.delta" and not shown else shown
            elif line.startswith("data:") and event == "answer.completed":
                answer = json.loads(line.removeprefix("data:"))["answer"]
    if answer is None:
        raise RuntimeError(f"the stream of {question!r} ended without its last event")
    return _Asked(accepted, shown, answer)


def _prompt(data_dir: Path, answer_id: str) -> list[Message]:
    database = sqlite3.connect(data_dir / "docent.db")
    try:
        found = database.execute("SELECT stages FROM traces WHERE answer_id = ?", (answer_id,)).fetchone()
    finally:
        database.close()
    return [Message(role, content) for role, content in json.loads(found[0])["prompt"]["messages"]]


def _long_prompt(number: int) -> list[Message]:
    """About 1,250 tokens that no cache has seen: the number comes first."""
    words = " ".join(["The service reads folders of documents and answers questions from them with quotes."] * 88)
    return [Message("user", f"{number}. {words} What does it do?")]


async def _first_token(client: ChatClient, messages: Sequence[Message]) -> tuple[float, int]:
    """Milliseconds to the first token, and tokens of the prompt."""
    started, first, tokens = time.perf_counter(), 0.0, 0
    async for delta in client.stream(messages, temperature=0.0, max_tokens=16):
        if delta.text and not first:
            first = (time.perf_counter() - started) * 1000
        tokens += delta.prompt_tokens
    return first, tokens


def _percentile(values: Sequence[float], share: int) -> float | None:
    return round(float(np.percentile(values, share)), 1) if values else None
