"""The documentation as the service sees it: its readers, its chunks, its search."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.config import IndexSettings, Settings
from app.index.build import FolderSource, find_changes
from app.index.embedding import Embedder
from app.index.indexer import IndexRequest
from app.index.library import Library
from app.index.search import Candidate
from app.index.section import Chunk
from app.runtime import Core, open_core
from training.errors import SourceError


@dataclass(frozen=True, slots=True)
class Corpus:
    """An indexed folder of documentation, open.

    chunks: all of them, in the order of paths and places.
    """

    chunks: Sequence[Chunk]
    library: Library

    @property
    def by_id(self) -> dict[str, Chunk]:
        return {chunk.id: chunk for chunk in self.chunks}

    async def search(self, question: str, limit: int) -> list[Candidate]:
        """The chunks that the service would retrieve, best first."""
        return list((await self.library.search(question, limit)).candidates)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages by the serving model, of length 1: (texts, dimension)."""
        return np.asarray(list(self.library.searcher.embedder.embed_passages(texts)), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return self.library.searcher.embedder.count_tokens(text)


def read_chunks(docs: Path) -> list[Chunk]:
    """The chunks that `open_corpus` would index, in the same order, without vectors."""
    settings = Settings()
    with tempfile.TemporaryDirectory() as aside:
        count_tokens = Embedder(settings.embedding, Path(aside)).count_tokens
        folder = FolderSource(docs.resolve().name, docs.resolve(), "")
        return find_changes([folder], {}, frozenset(), count_tokens, settings.index, lambda _: None).fresh


def section_of(chunk: Chunk) -> str:
    """What data is split by: the page, and its first heading below the title.

    Finer than a page, so that a small corpus can be split; coarser than a chunk, for neighbours overlap.
    """
    return "#".join((chunk.source, chunk.path, *chunk.heading_path[:1]))


@asynccontextmanager
async def open_corpus(docs: Path, data_dir: Path, index: IndexSettings | None = None) -> AsyncIterator[Corpus]:
    """Index the folder (or file) `docs` in `data_dir` as `docent index` does, as far as it changed, and open it.

    Settings of chunks, embedding and retrieval are the service's own (`DOCENT_…`, `.env`), or those of chunks `index`.
    Raises SourceError when there is no such folder, and DocentError as the service does.
    """
    docs = await asyncio.to_thread(docs.resolve)
    if not await asyncio.to_thread(docs.exists):
        raise SourceError(f"there is no folder {docs}: set `docs` to the documentation")
    settings = Settings(data_dir=data_dir)
    if index is not None:
        settings = settings.model_copy(update={"index": index})
    async with open_core(settings) as core:
        await core.indexer.index(IndexRequest((docs,)), lambda _: None)
        yield Corpus(await _chunks(core), core.library)


async def _chunks(core: Core) -> Sequence[Chunk]:
    serving = await core.catalog.serving()
    ids = [
        chunk_id for document in sorted(serving.documents, key=lambda one: one.path) for chunk_id in document.chunk_ids
    ]
    revision = await core.library.current()
    found = {point.chunk.id: point.chunk for point in revision.store.points(ids)}
    return [found[chunk_id] for chunk_id in ids]
