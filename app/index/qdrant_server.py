"""A Qdrant server by URL: one collection a revision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from app.config import IndexSettings
from app.errors import ConfigurationError
from app.index.embedding import Vector
from app.index.sparse import SparseVector
from app.index.store import DENSE, SPARSE, Hit, Point, chunk_from, payload_of


class QdrantServerStore:
    """A collection named `docent-<revision>` on a server (or in qdrant-client's local mode, as the tests do)."""

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection

    @classmethod
    def create(cls, client: QdrantClient, collection: str, dimension: int) -> QdrantServerStore:
        client.create_collection(
            collection,
            vectors_config={
                DENSE: models.VectorParams(
                    size=dimension,
                    distance=models.Distance.COSINE,
                    multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                )
            },
            sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
        return cls(client, collection)

    def write(self, points: Sequence[Point]) -> None:
        self._client.upsert(
            self._collection,
            [
                models.PointStruct(
                    id=str(UUID(point.chunk.id)),
                    vector={
                        DENSE: point.dense.tolist(),
                        SPARSE: models.SparseVector(indices=point.sparse.indices, values=point.sparse.values),
                    },
                    payload=payload_of(point.chunk),
                )
                for point in points
            ],
            wait=True,
        )

    def flush(self) -> None:
        """Nothing to do: `wait=True` above returns after the server has the points in its log."""

    def count(self) -> int:
        return self._client.count(self._collection, exact=True).count

    def points(self, chunk_ids: Sequence[str]) -> Iterator[Point]:
        ids = [str(UUID(chunk_id)) for chunk_id in chunk_ids]
        for record in self._client.retrieve(self._collection, ids, with_payload=True, with_vectors=True):
            vectors = record.vector
            if not isinstance(vectors, dict):
                continue
            sparse = vectors[SPARSE]
            if not isinstance(sparse, models.SparseVector):
                continue
            yield Point(
                chunk_from(record.id, record.payload or {}),
                np.asarray(vectors[DENSE], dtype=np.float32),
                SparseVector(sparse.indices, sparse.values),
            )

    def search_dense(self, vector: Vector, limit: int) -> list[Hit]:
        return self._search([vector.tolist()], DENSE, limit)

    def search_sparse(self, vector: SparseVector, limit: int) -> list[Hit]:
        if not vector.indices:
            return []
        return self._search(models.SparseVector(indices=vector.indices, values=vector.values), SPARSE, limit)

    def _search(self, query: list[list[float]] | models.SparseVector, using: str, limit: int) -> list[Hit]:
        found = self._client.query_points(self._collection, query=query, using=using, limit=limit, with_payload=True)
        return [Hit(chunk_from(point.id, point.payload or {}), point.score) for point in found.points]

    def delete(self) -> None:
        self._client.delete_collection(self._collection)

    def close(self) -> None:
        """The client is shared by all revisions and closed by whoever made it."""


def connect(settings: IndexSettings) -> QdrantClient:
    """A client of the server in the settings. Raises ConfigurationError when it does not answer."""
    api_key = settings.qdrant_api_key.get_secret_value() or None
    # Its own check of versions runs in a thread, and says on stderr what the call below says as an error.
    client = QdrantClient(settings.qdrant_url, api_key=api_key, check_compatibility=False)
    try:
        client.get_collections()
    except (ApiException, OSError) as error:
        client.close()
        raise ConfigurationError(
            f"DOCENT_INDEX__QDRANT_URL: no Qdrant server answers at {settings.qdrant_url} ({error})"
        ) from error
    return client
