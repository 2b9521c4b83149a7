"""Revisions of the index: which there are, and back to an earlier one."""

from __future__ import annotations

import asyncio
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from app.config import Settings
from app.errors import NotFound
from app.index.catalog import Catalog
from app.index.indexer import check_compatible, is_servable
from app.index.revisions import Revisions
from app.models.index import Revision


class RevisionResponse(BaseModel):
    """available: whether it can serve: its files are there, and it fits the settings.

    held: put there by a rollback: schedules and pushes leave it there until somebody asks for a run.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    created_at: datetime
    documents: int
    chunks: int
    embedding_model: str
    chunking: str
    serves: bool
    held: bool
    available: bool


class RevisionsService:
    def __init__(self, settings: Settings, catalog: Catalog, revisions: Revisions) -> None:
        self._settings = settings
        self._catalog = catalog
        self._revisions = revisions

    async def list(self) -> list[RevisionResponse]:
        """The newest first."""
        serving = await self._catalog.pointed_id()
        return [await self._response(row, serving) for row in await self._catalog.revisions()]

    async def rollback(self, revision_id: str | None) -> RevisionResponse:
        """Have an earlier revision serve, and hold it until somebody asks for a run: no schedule takes it away.

        revision_id: None is the one before the serving one. Raises NotFound, IndexMissing, IndexMismatch.
        """
        rows = await self._catalog.revisions()
        serving = await self._catalog.pointed_id()
        if revision_id is None:
            ids = [row.id for row in rows]
            earlier = ids[ids.index(serving) + 1 :] if serving in ids else []
            if not earlier:
                raise NotFound(
                    "there is no revision before the serving one (DOCENT_INDEX__KEEP_REVISIONS says how many stay)"
                )
            revision_id = earlier[0]
        row = next((row for row in rows if row.id == revision_id), None)
        if row is None:
            raise NotFound(f"there is no revision {revision_id}: `docent revision list` shows them")
        check_compatible(row, self._settings)
        await asyncio.to_thread(self._revisions.open, row.id)
        await self._catalog.point_back(row.id)
        return await self._response(row, row.id)

    async def _response(self, row: Revision, serving: str | None) -> RevisionResponse:
        return RevisionResponse(
            id=row.id,
            created_at=row.created_at,
            documents=row.documents,
            chunks=row.chunks,
            embedding_model=row.embedding_model,
            chunking=row.chunking,
            serves=row.id == serving,
            held=row.id == serving and await self._catalog.is_held(),
            available=await asyncio.to_thread(is_servable, row, self._settings, self._revisions),
        )
