"""Hybrid search over one revision: dense and BM25 rankings, fused, reranked, each stage kept for the trace."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.config import RetrievalSettings
from app.index.embedding import Embedder, Vector
from app.index.reranking import Reranker
from app.index.revisions import OpenRevision
from app.index.section import Chunk
from app.index.sparse import Bm25Encoder
from app.index.store import Hit

# Ranks below this one add almost nothing to the fusion; both rankings are taken this deep, or deeper if more is kept.
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk with its rank (from 1) and score at every stage; None where the stage did not have it.

    dense_score: cosine. sparse_score: BM25. fused_score: reciprocal rank
    fusion, less for further chunks of a page. rerank_score: the cross-encoder's.
    """

    chunk: Chunk
    dense_rank: int | None
    dense_score: float | None
    sparse_rank: int | None
    sparse_score: float | None
    fused_score: float
    rerank_score: float | None = None

    @property
    def score(self) -> float:
        return self.fused_score if self.rerank_score is None else self.rerank_score


@dataclass(frozen=True, slots=True)
class SearchResult:
    """candidates: best first. timings_ms: by stage (embed, dense, sparse, fuse, rerank)."""

    question: str
    revision: OpenRevision
    question_vector: Vector
    candidates: tuple[Candidate, ...]
    timings_ms: dict[str, float]


class Searcher:
    """Everything a search needs but the revision. Safe to call from several threads."""

    def __init__(self, settings: RetrievalSettings, embedder: Embedder, reranker: Reranker | None) -> None:
        self._settings = settings
        self.embedder = embedder
        self._reranker = reranker
        self._bm25 = Bm25Encoder()

    def search(
        self, revision: OpenRevision, question: str, limit: int | None = None, terms: Sequence[str] = ()
    ) -> SearchResult:
        """The best `limit` chunks (`retrieval.candidates` when None) for `question`.

        terms: what is searched for as it is written, besides the question: by BM25 alone, for an error message says
        little to an embedding.
        """
        kept = limit or self._settings.candidates
        depth = max(_DEPTH, kept)
        clock = _Stopwatch()
        vector = self.embedder.embed_query(question)
        clock.lap("embed")
        dense = revision.store.search_dense(vector, depth)
        clock.lap("dense")
        sparse = revision.store.search_sparse(self._bm25.encode_query(" ".join((question, *terms))), depth)
        clock.lap("sparse")
        candidates = fuse(dense, sparse, self._settings)[: max(kept, self._settings.candidates)]
        clock.lap("fuse")
        if self._reranker is not None and candidates:
            candidates = self._rerank(self._reranker, question, candidates)
            clock.lap("rerank")
        return SearchResult(question, revision, vector, tuple(candidates[:kept]), clock.laps)

    def _rerank(self, reranker: Reranker, question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
        texts = [f"{candidate.chunk.context}\n\n{candidate.chunk.text}" for candidate in candidates]
        scores = reranker.score(question, texts)
        scored = [replace(one, rerank_score=score) for one, score in zip(candidates, scores, strict=True)]
        return sorted(scored, key=lambda one: -one.score)


def fuse(dense: Sequence[Hit], sparse: Sequence[Hit], settings: RetrievalSettings) -> list[Candidate]:
    """Weighted reciprocal rank fusion, best first: the sum of weight / (k + rank) over the rankings a chunk is in.

    Cormack, Clarke and Buettcher, SIGIR 2009. It is done here rather than in the store so that both ranks of every
    chunk are known to the trace at the cost of two searches, not three.
    """
    dense, sparse = _in_order(dense), _in_order(sparse)
    chunks = {hit.chunk.id: hit.chunk for hit in [*sparse, *dense]}
    dense_at = {hit.chunk.id: (rank, hit.score) for rank, hit in enumerate(dense, start=1)}
    sparse_at = {hit.chunk.id: (rank, hit.score) for rank, hit in enumerate(sparse, start=1)}
    candidates = []
    for chunk_id, chunk in chunks.items():
        dense_rank, dense_score = dense_at.get(chunk_id, (None, None))
        sparse_rank, sparse_score = sparse_at.get(chunk_id, (None, None))
        fused = sum(
            weight / (settings.rrf_k + rank)
            for weight, rank in ((settings.dense_weight, dense_rank), (settings.sparse_weight, sparse_rank))
            if rank is not None
        )
        candidates.append(Candidate(chunk, dense_rank, dense_score, sparse_rank, sparse_score, fused))
    ranked = sorted(candidates, key=lambda one: (-one.fused_score, one.chunk.id))
    return _spread_pages(ranked, settings.page_decay)


def _in_order(hits: Sequence[Hit]) -> list[Hit]:
    """Best first. Pages of two versions score alike, and a store gives them in an order that changes as it is built."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.source, hit.chunk.path, hit.chunk.id))


def _spread_pages(ranked: Sequence[Candidate], decay: float) -> list[Candidate]:
    """Let other pages in: a chunk counts `decay` times for every better chunk of its page.

    Measured on 99 labelled questions about one product: hit@3 0.939 without, 0.960 with 0.5 and 0.3.
    """
    seen: Counter[tuple[str, str]] = Counter()
    spread = []
    for one in ranked:
        page = (one.chunk.source, one.chunk.path)
        spread.append(replace(one, fused_score=one.fused_score * decay ** seen[page]))
        seen[page] += 1
    return sorted(spread, key=lambda one: (-one.fused_score, one.chunk.id))


class _Stopwatch:
    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = round((now - self._last) * 1000, 3)
        self._last = now
