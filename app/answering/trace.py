"""The trace of an answer: what every stage saw and did, for whoever asks why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.answering.segments import Segment
from app.index.search import Candidate, SearchResult


@dataclass(slots=True)
class AnswerTrace:
    """Plain JSON values, stage by stage, in the order of work."""

    stages: dict[str, Any] = field(default_factory=dict)

    def retrieval(self, result: SearchResult) -> None:
        self.stages["retrieval"] = {
            "query": result.question,
            "revision": result.revision.id,
            "timings_ms": result.timings_ms,
            "candidates": [explain(candidate) for candidate in result.candidates],
        }

    def segment(self, segment: Segment, shown: bool, score: float, problem: str, quote: str) -> None:
        self.stages.setdefault("segments", []).append(
            {
                "kind": segment.kind,
                "text": segment.text,
                "shown": shown,
                "score": round(score, 4),
                "problem": problem,
                "quote": quote,
            }
        )


def explain(candidate: Candidate) -> dict[str, Any]:
    """A candidate with rank and score of every stage; null where a stage did not have it."""
    return {
        "chunk_id": candidate.chunk.id,
        "path": candidate.chunk.path,
        "heading_path": list(candidate.chunk.heading_path),
        "dense": _place(candidate.dense_rank, candidate.dense_score),
        "sparse": _place(candidate.sparse_rank, candidate.sparse_score),
        "fused": round(candidate.fused_score, 6),
        "rerank": None if candidate.rerank_score is None else round(candidate.rerank_score, 4),
    }


def _place(rank: int | None, score: float | None) -> dict[str, float] | None:
    return None if rank is None or score is None else {"rank": rank, "score": round(score, 4)}
