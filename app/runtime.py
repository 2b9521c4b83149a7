"""What is built once and shared: database and index. The service and the command line both start here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.db import Database, open_database
from app.index.catalog import Catalog
from app.index.embedding import Embedder
from app.index.indexer import Indexer, IndexReport, IndexRequest, Progress
from app.index.library import Library
from app.index.reranking import Reranker
from app.index.revisions import Revisions
from app.index.search import Searcher

HANDBOOK_URL = "/handbook"  # where the service shows it, see app.handbook
HANDBOOK = Path(__file__).resolve().parent.parent / "docs"


@dataclass(frozen=True, slots=True)
class Core:
    """Database and index, open."""

    settings: Settings
    database: Database
    catalog: Catalog
    library: Library
    indexer: Indexer
    revisions: Revisions

    async def index_handbook(self, report: Callable[[Progress], None]) -> IndexReport | None:
        """Index Docent's own docs as they are now, where nobody indexed any of theirs; None where somebody did."""
        if not HANDBOOK.is_dir() or await self.has_own_docs():
            return None
        shown_at = HANDBOOK_URL if self.settings.server.start_page else ""
        return await self.indexer.index(IndexRequest((HANDBOOK,), base_url=shown_at, handbook=True), report)

    async def has_own_docs(self) -> bool:
        """Whether anything but the handbook was indexed."""
        return not all(source.handbook for source in await self.catalog.sources())


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """Migrate the database, load the embedding model, and open the index; all is closed at the end of the block."""
    database = open_database(settings)
    try:
        await database.migrate()
        revisions = await asyncio.to_thread(Revisions, settings.index, settings.data_dir)
        try:
            yield await asyncio.to_thread(_core, settings, database, revisions)
        finally:
            revisions.close()
    finally:
        await database.close()


def _core(settings: Settings, database: Database, revisions: Revisions) -> Core:
    embedder = Embedder(settings.embedding, settings.data_dir)
    reranker = None
    if settings.retrieval.reranker_model:
        reranker = Reranker(settings.retrieval, settings.data_dir, settings.embedding.threads)
    catalog = Catalog(database)
    searcher = Searcher(settings.retrieval, embedder, reranker)
    library = Library(settings, catalog, revisions, searcher)
    return Core(settings, database, catalog, library, Indexer(settings, database, revisions, searcher), revisions)
