"""Answers of the whole service: refused where it should, quoted to the letter, and how fast."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.config import Settings
from app.llm.client import ChatClient, Message
from app.llm.embedded.process import EmbeddedEngine
from app.runtime import open_core
from bench.questions import LabelledQuestion
from bench.service import RunningService

Answered = list[tuple[LabelledQuestion, dict[str, Any]]]


def ask_all(service: RunningService, questions: Sequence[LabelledQuestion]) -> Answered:
    """Every question over HTTP, one after the other."""
    with httpx.Client(base_url=service.url, timeout=300) as client:
        return [
            (one, client.post("/api/v1/chat/messages", json={"question": one.question}).raise_for_status().json())
            for one in questions
        ]


async def summarise(data_dir: Path, answered: Answered) -> dict[str, Any]:
    """Shares of refusals by kind of question, kinds and decisions of the answers, and of verbatim quotes."""
    refused = {
        kind: [answer["kind"] == "none" for one, answer in answered if one.kind == kind]
        for kind in ("answerable", "unanswerable", "off_topic")
    }
    citations = [citation for _, answer in answered for citation in answer["citations"]]
    verbatim = await _verbatim(data_dir, citations)
    right = [
        any(_names(citation["url"], path) for citation in answer["citations"] for path in one.files)
        for one, answer in answered
        if one.kind == "answerable" and answer["kind"] != "none"
    ]
    beyond = refused["unanswerable"] + refused["off_topic"]
    replied = [answer["decision"] == "reply" for one, answer in answered if one.kind != "answerable"]
    return {
        "questions": len(answered),
        "refused_answerable": _share(refused["answerable"]),
        "refused_unanswerable_and_off_topic": _share(beyond),
        "refused_unanswerable": _share(refused["unanswerable"]),
        "refused_off_topic": _share(refused["off_topic"]),
        "replied_to_unanswerable_and_off_topic": _share(replied),
        "cites_a_right_page": _share(right),
        "quotes": len(citations),
        "quotes_verbatim": _share(verbatim),
        "kinds": dict(Counter(answer["kind"] for _, answer in answered)),
        "decisions": dict(Counter(answer["decision"] for _, answer in answered)),
    }


async def _verbatim(data_dir: Path, citations: Sequence[dict[str, Any]]) -> list[bool]:
    async with open_core(Settings(data_dir=data_dir)) as core:
        revision = await core.library.current()
        ids = sorted({citation["chunk_id"] for citation in citations})
        texts = {point.chunk.id: point.chunk.text for point in revision.store.points(ids)}
    return [citation["quote"] in texts.get(citation["chunk_id"], "") for citation in citations]


def _names(url: str, path: str) -> bool:
    return url.partition("#")[0] == path


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


async def latency(data_dir: Path, answered: Answered) -> dict[str, Any]:
    """The generated answers' times, and the same prompts in the same order sent to a fresh engine alone.

    added_ms: the service's time to the first token, less its retrieval, less the engine's own time to it.
    """
    timed = [answer for _, answer in answered if answer["timings_ms"]["first_token"] > 0]
    prompts = _prompts(data_dir, [answer["id"] for answer in timed])
    engine = EmbeddedEngine(Settings(data_dir=data_dir).engine, data_dir)
    await engine.start()
    try:
        client = ChatClient(base_url=engine.base_url, api_key=engine.api_key, model="", timeout_seconds=120)
        alone = [await _first_token_ms(client, messages) for messages in prompts]
        long = [await _first_token_ms(client, _long_prompt(number)) for number in range(10)]
        await client.aclose()
    finally:
        await engine.stop()
    times = [answer["timings_ms"] for answer in timed]
    added = [own["first_token"] - own["retrieve"] - other for own, other in zip(times, alone, strict=True)]
    shown = [own["first_sentence"] for own in times if own["first_sentence"]]
    return {
        "answers": len(timed),
        "first_token_ms_p50": _percentile([own["first_token"] for own in times], 50),
        "engine_alone_ms_p50": _percentile(alone, 50),
        "added_ms_p50": _percentile(added, 50),
        "first_sentence_ms_p50": _percentile(shown, 50),
        "first_sentence_ms_p95": _percentile(shown, 95),
        "total_ms_p50": _percentile([own["total"] for own in times], 50),
        "first_token_1250_ms_p50": _percentile(long, 50),
    }


def _prompts(data_dir: Path, answer_ids: Sequence[str]) -> list[list[Message]]:
    with sqlite3.connect(data_dir / "docent.db") as database:
        rows = dict(database.execute("SELECT answer_id, stages FROM traces").fetchall())
    database.close()
    stages = [json.loads(rows[answer_id]) for answer_id in answer_ids]
    return [[Message(role, content) for role, content in stage["prompt"]["messages"]] for stage in stages]


def _long_prompt(number: int) -> list[Message]:
    """About 1,250 tokens that no cache has seen: the number comes first."""
    words = " ".join(f"item {number} {place}" for place in range(230))
    return [Message("user", f"{number}. {words}. What is this list about?")]


async def _first_token_ms(client: ChatClient, messages: Sequence[Message]) -> float:
    started = time.perf_counter()
    stream = client.stream(messages, temperature=0.0, max_tokens=16)
    first = 0.0
    async for delta in stream:
        if delta.text and not first:
            first = (time.perf_counter() - started) * 1000
    return first


def _percentile(values: Sequence[float], share: int) -> float | None:
    return round(float(np.percentile(values, share)), 1) if values else None


def run_latency(data_dir: Path, answered: Answered) -> dict[str, Any]:
    return asyncio.run(latency(data_dir, answered))
