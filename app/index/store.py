"""Where vectors live: what the index asks of a store, whichever Qdrant it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.index.embedding import Vector, Vectors
from app.index.section import Chunk, Span
from app.index.sparse import SparseVector

DENSE = "dense"
SPARSE = "bm25"


@dataclass(frozen=True, slots=True)
class Point:
    """A chunk with its vectors. dense: shape (windows, dimension), of which the nearest one counts."""

    chunk: Chunk
    dense: Vectors
    sparse: SparseVector


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found. score: cosine for dense, BM25 for sparse."""

    chunk: Chunk
    score: float


class VectorStore(Protocol):
    """One revision's vectors. Written once by one indexer, then only read."""

    def write(self, points: Sequence[Point]) -> None: ...

    def flush(self) -> None:
        """Everything written is on disk when this returns."""

    def count(self) -> int: ...

    def points(self, chunk_ids: Sequence[str]) -> Iterator[Point]:
        """The points of these chunks, in no order; unknown ids are left out."""

    def search_dense(self, vector: Vector, limit: int) -> list[Hit]: ...

    def search_sparse(self, vector: SparseVector, limit: int) -> list[Hit]: ...

    def close(self) -> None: ...


def payload_of(chunk: Chunk) -> dict[str, Any]:
    """The chunk as a JSON object, its id left out: that is the point's."""
    return {
        "source": chunk.source,
        "path": chunk.path,
        "title": chunk.title,
        "heading_path": list(chunk.heading_path),
        "url": chunk.url,
        "text": chunk.text,
        "tokens": chunk.tokens,
        "summary": chunk.summary,
        "spans": [[span.start, span.end, list(span.heading_path), span.url] for span in chunk.spans],
    }


def chunk_from(point_id: object, payload: dict[str, Any]) -> Chunk:
    """The reverse of `payload_of`. `point_id` is a UUID in whatever spelling the store uses."""
    return Chunk(
        id=str(point_id).replace("-", ""),
        source=payload["source"],
        path=payload["path"],
        title=payload["title"],
        heading_path=tuple(payload["heading_path"]),
        url=payload["url"],
        text=payload["text"],
        spans=tuple(Span(start, end, tuple(path), url) for start, end, path, url in payload["spans"]),
        tokens=payload["tokens"],
        summary=payload["summary"],
    )
