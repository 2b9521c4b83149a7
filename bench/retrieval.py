"""Retrieval alone: whether the right page comes first, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Settings
from app.runtime import open_core
from bench.questions import LabelledQuestion

_RANKS = (1, 3, 5)


async def measure_retrieval(data_dir: Path, questions: Sequence[LabelledQuestion]) -> dict[str, Any]:
    """hit@1/3/5 and MRR over the answerable questions (by file), and milliseconds of a search, p50 and p95."""
    ranks, times, missed = [], [], []
    async with open_core(Settings(data_dir=data_dir)) as core:
        await core.library.search("warm up")
        for one in questions:
            started = time.perf_counter()
            result = await core.library.search(one.question)
            times.append((time.perf_counter() - started) * 1000)
            if one.kind != "answerable":
                continue
            paths = [candidate.chunk.path for candidate in result.candidates]
            rank = next((place for place, path in enumerate(paths, start=1) if path in one.files), 0)
            ranks.append(rank)
            if not 0 < rank <= max(_RANKS):
                missed.append(one.id)
    return {
        "questions": len(ranks),
        **{f"hit@{k}": round(float(np.mean([0 < rank <= k for rank in ranks])), 3) for k in _RANKS},
        "mrr": round(float(np.mean([1 / rank if rank else 0 for rank in ranks])), 3),
        "search_ms_p50": round(float(np.percentile(times, 50)), 1),
        "search_ms_p95": round(float(np.percentile(times, 95)), 1),
        "missed": missed,
    }
