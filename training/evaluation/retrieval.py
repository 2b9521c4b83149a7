"""`evaluate retrieval`: whether the page that holds the answer comes first, stage by stage and by size of chunks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import IndexSettings, Settings
from app.index.search import Candidate
from training.corpus import open_corpus
from training.errors import SourceError
from training.evaluation.page import Cell, Section, write_page
from training.evaluation.questions import Question, read_questions
from training.evaluation.statistics import cluster_bootstrap
from training.fingerprint import data_hash, hash_of
from training.manifest import library_versions, write_json

_RANKS = (1, 3, 5, 10)
_GAIN_DEPTH = 10
_ALL = 80  # both rankings are 40 deep: nothing that was found is cut off
_MISSED_AFTER = 5
_STAGES: dict[str, Callable[[Candidate], float | None]] = {
    "dense": lambda one: None if one.dense_rank is None else float(one.dense_rank),
    "sparse": lambda one: None if one.sparse_rank is None else float(one.sparse_rank),
    "fused": lambda one: -one.fused_score,
    "reranked": lambda one: None if one.rerank_score is None else -one.rerank_score,
}


@dataclass(frozen=True, slots=True)
class Chunking:
    """Tokens of a chunk, and those that parts of a section share."""

    tokens: int
    overlap: int

    @property
    def name(self) -> str:
        return f"{self.tokens}/{self.overlap}"

    def settings(self) -> IndexSettings:
        """Raises SourceError for what the service would refuse."""
        try:
            return IndexSettings.model_validate(
                Settings().index.model_dump() | {"chunk_tokens": self.tokens, "chunk_overlap": self.overlap}
            )
        except ValueError as error:
            raise SourceError(
                f"--chunking {self.name}: tokens from 50 to 2000, and less overlap than tokens"
            ) from error


def read_chunkings(text: str) -> list[Chunking]:
    """`300/30,150/15`; '' is the service's own. Raises SourceError."""
    if not text.strip():
        own = Settings().index
        return [Chunking(own.chunk_tokens, own.chunk_overlap)]
    found = []
    for part in text.split(","):
        tokens, _, overlap = part.strip().partition("/")
        if not (tokens.isdigit() and overlap.isdigit()):
            raise SourceError(f"--chunking: {part.strip()!r} is not TOKENS/OVERLAP, as in 300/30")
        found.append(Chunking(int(tokens), int(overlap)))
        found[-1].settings()
    return found


def evaluate_retrieval(questions: Path, docs: Path, out: Path, chunkings: Sequence[Chunking]) -> dict[str, Any]:
    """hit@1/3/5/10, MRR and nDCG@10 by stage, over the answerable questions and by page; written to `results.json`.

    Raises SourceError where there is nothing to ask, or no docs.
    """
    asked = [one for one in read_questions(questions) if one.answerable]
    if not asked:
        raise SourceError(f"{questions} has no answerable question: retrieval is measured on those")
    out.mkdir(parents=True, exist_ok=True)
    results = {
        "kind": "retrieval",
        "version": 1,
        "questions": len(asked),
        "questions_hash": hash_of(questions),
        "docs_hash": data_hash(docs),
        "chunkings": {one.name: asyncio.run(_measured(asked, docs, out, one)) for one in chunkings},
        "versions": library_versions(),
    }
    write_retrieval_report(out, results)
    write_json(out / "results.json", results)
    return results


async def _measured(asked: Sequence[Question], docs: Path, out: Path, chunking: Chunking) -> dict[str, Any]:
    folder = out / f"corpus-{chunking.tokens}-{chunking.overlap}"
    async with open_corpus(docs, folder, chunking.settings()) as corpus:
        pages = {chunk.path for chunk in corpus.chunks}
        unknown = sorted({path for one in asked for path in one.files} - pages)
        if unknown:
            raise SourceError(f"the questions name {unknown[0]}, which is no page of {docs}")
        found = [await corpus.search(one.question, _ALL) for one in asked]
        model = corpus.library.searcher.embedder.name
        count = len(corpus.chunks)
    stages = {}
    for stage, key in _STAGES.items():
        ranked = [_pages(candidates, key) for candidates in found]
        if any(ranked):
            stages[stage] = _figures(asked, ranked)
    last = list(stages)[-1]
    key = _STAGES[last]
    return {
        "chunks": count,
        "embedding_model": model,
        "stages": stages,
        "serving_stage": last,
        "failures": _failures(asked, [_pages(candidates, key) for candidates in found]),
    }


def _pages(candidates: Sequence[Candidate], key: Callable[[Candidate], float | None]) -> list[str]:
    """Pages in the order of their best chunk at a stage; those that the stage did not find are left out."""
    placed = [(value, one.chunk.path) for one in candidates if (value := key(one)) is not None]
    return list(dict.fromkeys(path for _, path in sorted(placed, key=lambda pair: pair[0])))


def _figures(asked: Sequence[Question], ranked: Sequence[Sequence[str]]) -> dict[str, Any]:
    places = [_rank(one, pages) for one, pages in zip(asked, ranked, strict=True)]
    reciprocal = [1 / place if place else 0.0 for place in places]
    gains = [ndcg(one.files, pages) for one, pages in zip(asked, ranked, strict=True)]
    clusters = [one.files[0] for one in asked]
    interval = cluster_bootstrap(reciprocal, clusters)
    return {
        **{f"hit@{k}": round(sum(0 < place <= k for place in places) / len(places), 4) for k in _RANKS},
        "mrr": round(interval.mean, 4),
        "mrr_interval": [round(interval.low, 4), round(interval.high, 4)],
        f"ndcg@{_GAIN_DEPTH}": round(sum(gains) / len(gains), 4),
    }


def _rank(one: Question, pages: Sequence[str]) -> int:
    """Of the first page that holds the answer, from 1; 0 where none was found."""
    return next((place for place, path in enumerate(pages, start=1) if path in one.files), 0)


def ndcg(relevant: Sequence[str], pages: Sequence[str]) -> float:
    """Normalised discounted cumulative gain at 10, a page being right or not (Jarvelin and Kekalainen 2002).

    >>> ndcg(["a"], ["b", "a"]), ndcg(["a", "b"], ["b", "a"])
    (0.6309297535714575, 1.0)
    """
    gain = sum(1 / math.log2(place + 1) for place, path in enumerate(pages[:_GAIN_DEPTH], 1) if path in relevant)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(relevant), _GAIN_DEPTH) + 1))
    return gain / best


def _failures(asked: Sequence[Question], ranked: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Questions whose page is not among the first five, with what was."""
    return [
        {
            "id": one.id,
            "question": one.question,
            "files": list(one.files),
            "rank": place or None,
            "first": list(pages[:3]),
        }
        for one, pages in zip(asked, ranked, strict=True)
        if not 0 < (place := _rank(one, pages)) <= _MISSED_AFTER
    ]


def write_retrieval_report(out: Path, results: Mapping[str, Any]) -> None:
    """`report.html`: a row a chunking and stage, and the questions that fail."""
    head = ["chunking", "stage", *(f"hit@{k}" for k in _RANKS), "MRR", "95 % interval", f"nDCG@{_GAIN_DEPTH}"]
    rows: list[list[Cell]] = []
    sections = []
    for name, one in results["chunkings"].items():
        for stage, found in one["stages"].items():
            low, high = found["mrr_interval"]
            hits = [found[f"hit@{k}"] for k in _RANKS]
            rows.append([name, stage, *hits, found["mrr"], f"{low} to {high}", found[f"ndcg@{_GAIN_DEPTH}"]])
        failures = [
            [missed["id"], missed["question"], ", ".join(missed["files"]), missed["rank"], ", ".join(missed["first"])]
            for missed in one["failures"]
        ]
        told = f"No right page among the first {_MISSED_AFTER} of the stage that serves ({one['serving_stage']})."
        shown = ["id", "question", "right", "rank", "first"]
        sections.append(Section(f"Missed with chunks of {name}", told, shown, failures))
    said = [f"{results['questions']} questions that the docs answer, by page. Intervals draw whole pages."]
    table = Section("Stages", "By size of chunks (tokens/overlap) and stage of the search.", head, rows)
    write_page(out / "report.html", "Retrieval", said, [table, *sections])
