"""Revisions on disk (or on a Qdrant server): making, opening and dropping them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.config import IndexSettings
from app.errors import IndexMissing, IndexRejected
from app.index.edge import EdgeStore
from app.index.store import VectorStore
from app.index.terms import Vocabulary

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

# `qdrant_client` takes 0.6 to 1.5 s to import, so its users below are imported only where a server is configured.
_BUILDING = "building-"


@dataclass(frozen=True, slots=True)
class OpenRevision:
    """A complete revision, open for search. It never changes; dropping the last reference closes it."""

    id: str
    store: VectorStore
    vocabulary: Vocabulary


class Revisions:
    """The folder `<data_dir>/index`: one folder a revision, with its vocabulary and, for Edge, its shard."""

    def __init__(self, settings: IndexSettings, data_dir: Path, client: QdrantClient | None = None) -> None:
        self._folder = data_dir / "index"
        self._min_free = settings.min_free_bytes
        self._client = client if client is not None else _client(settings)

    def create(self, revision_id: str, dimension: int) -> VectorStore:
        """An empty store for a revision that is being built, aside from all that serve."""
        folder = self._building(revision_id)
        folder.mkdir(parents=True)
        self.check_space()
        if self._client is None:
            return EdgeStore.create(folder / "shard", dimension)
        from app.index.qdrant_server import QdrantServerStore  # noqa: PLC0415

        return QdrantServerStore.create(self._client, _collection(revision_id), dimension)

    def check_space(self) -> None:
        """Raises IndexRejected when the disk is nearly full, before it is: Edge writes into files that are mapped into
        memory, and the kernel kills a process for which it has no room to put what was written there.
        """
        free = shutil.disk_usage(self._folder).free
        if free < self._min_free:
            raise IndexRejected(
                f"the disk of {self._folder} has {free / 1e6:,.0f} MB left, and DOCENT_INDEX__MIN_FREE_BYTES keeps "
                f"{self._min_free / 1e6:,.0f} free: make room, and run it again; what was indexed before serves on"
            )

    def finish(self, revision_id: str, vocabulary: Vocabulary) -> None:
        """Give a built revision its final name. Its store has to be flushed and closed before."""
        if self._client is None:
            EdgeStore.open(self._building(revision_id) / "shard").close()  # the first opening still adds files
        vocabulary.save(self._building(revision_id) / "vocabulary.json")
        self._building(revision_id).rename(self._folder / revision_id)

    def open(self, revision_id: str) -> OpenRevision:
        """Raises IndexMissing when its files are gone."""
        folder = self._folder / revision_id
        shard = folder / "shard"
        if not (folder / "vocabulary.json").is_file() or (self._client is None and not shard.is_dir()):
            raise IndexMissing(
                f"the files of index revision {revision_id} are gone from {self._folder}: run `docent index --rebuild`,"
                " or give all services of one database the same DOCENT_DATA_DIR"
            )
        store: VectorStore
        if self._client is None:
            store = EdgeStore.open(shard)
        else:
            from app.index.qdrant_server import QdrantServerStore  # noqa: PLC0415

            store = QdrantServerStore(self._client, _collection(revision_id))
        return OpenRevision(revision_id, store, Vocabulary.load(folder / "vocabulary.json"))

    def drop_all_but(self, kept: Iterable[str]) -> None:
        """Remove every revision not in `kept`, half-built ones of a killed indexer included.

        Only the holder of the index lock may call this.
        """
        keep = set(kept)
        if not self._folder.is_dir():
            return
        for folder in sorted(self._folder.iterdir()):
            if not folder.is_dir() or folder.name in keep:
                continue
            if self._client is not None:
                self._client.delete_collection(_collection(folder.name.removeprefix(_BUILDING)))
            shutil.rmtree(folder)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _building(self, revision_id: str) -> Path:
        return self._folder / f"{_BUILDING}{revision_id}"


def _collection(revision_id: str) -> str:
    return f"docent-{revision_id}"


def _client(settings: IndexSettings) -> QdrantClient | None:
    if not settings.qdrant_url:
        return None
    from app.index.qdrant_server import connect  # noqa: PLC0415

    return connect(settings)
