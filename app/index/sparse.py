"""Sparse vectors: BM25 term weights, made by Qdrant's own implementation for both kinds of store."""

from __future__ import annotations

from dataclasses import dataclass

from qdrant_edge import Bm25, Bm25Config


@dataclass(frozen=True, slots=True)
class SparseVector:
    """indices: hashes of the terms; values: their weights, of the same length."""

    indices: list[int]
    values: list[float]


class Bm25Encoder:
    """BM25 with Qdrant's defaults (k 1.2, b 0.75). The store multiplies by IDF at query time.

    avg_len is the mean number of terms in a chunk of 300 tokens after stop words: about 120 in technical docs.
    """

    def __init__(self) -> None:
        self._model = Bm25(Bm25Config(language="english", avg_len=120.0))

    def encode_passage(self, text: str) -> SparseVector:
        vector = self._model.embed_document(text)
        return SparseVector(list(vector.indices), list(vector.values))

    def encode_query(self, text: str) -> SparseVector:
        """Every term of `text` once with weight 1; empty when it has stop words only."""
        vector = self._model.embed_query(text)
        return SparseVector(list(vector.indices), list(vector.values))
