"""Answers of the whole service: refused where it should, and quoted to the letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.config import Settings
from app.runtime import open_core
from bench.questions import LabelledQuestion
from bench.service import RunningService

Answered = list[tuple[LabelledQuestion, dict[str, Any]]]


def ask_all(service: RunningService, questions: Sequence[LabelledQuestion]) -> Answered:
    """Every question over HTTP, one after the other."""
    with httpx.Client(base_url=service.url, headers=service.headers, timeout=300) as client:
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
