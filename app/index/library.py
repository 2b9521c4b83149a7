"""The serving index: follows the pointer, opens its revision once, and searches it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.config import Settings
from app.errors import IndexMissing
from app.index.catalog import Catalog
from app.index.indexer import check_compatible
from app.index.revisions import OpenRevision, Revisions
from app.index.search import Searcher, SearchResult


class Library:
    def __init__(self, settings: Settings, catalog: Catalog, revisions: Revisions, searcher: Searcher) -> None:
        self._settings = settings
        self._catalog = catalog
        self._revisions = revisions
        self.searcher = searcher
        self._open: OpenRevision | None = None
        self._opening = asyncio.Lock()

    async def is_served(self) -> bool:
        """Whether there is an index to answer from, be it one that does not fit the settings."""
        row = await self._catalog.serving_revision()
        return row is not None and row.documents > 0

    async def current(self) -> OpenRevision:
        """The revision the pointer names now; a search keeps the one it began with.

        Raises IndexMissing before the first index, IndexMismatch when it does not fit the settings.
        """
        try:
            return await self._pointed()
        except IndexMissing:
            return await self._pointed()  # the pointer may have moved on between reading it and opening the files

    async def _pointed(self) -> OpenRevision:
        held = self._open
        if held is not None and held.id == await self._catalog.pointed_id():
            return held
        row = await self._catalog.serving_revision()
        if row is None or not row.documents:
            raise IndexMissing("nothing is indexed yet: run `docent index PATH` with the folder of your docs")
        async with self._opening:
            if self._open is None or self._open.id != row.id:
                check_compatible(row, self._settings)
                self._open = await asyncio.to_thread(self._revisions.open, row.id)
            return self._open

    async def in_service(self) -> tuple[OpenRevision, str | None]:
        """The serving revision, and the id of the release that it was put into service with. Raises as `current`."""
        while True:
            pointed, release_id = await self._catalog.pointed()
            revision = await self.current()
            if revision.id == pointed:  # else it was switched between the two
                return revision, release_id

    async def search(
        self,
        question: str,
        limit: int | None = None,
        terms: Sequence[str] = (),
        revision: OpenRevision | None = None,
    ) -> SearchResult:
        """Search a revision, the serving one by default, in a worker thread: running streams are not held up."""
        revision = revision or await self.current()
        return await asyncio.to_thread(self.searcher.search, revision, question, limit, terms)
