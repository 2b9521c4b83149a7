"""The index as the database knows it: sources, revisions, documents, and the pointer. SQL of the index lives here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.models.index import Document, IndexPointer, Revision, Source


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves now: the revision, its documents, and every source."""

    revision: Revision | None
    documents: Sequence[Document]
    sources: Sequence[Source]


class Catalog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def serving_revision(self) -> Revision | None:
        """The revision that the pointer names; None before the first index."""
        async with self._database.transaction() as session:
            return await _pointed(session)

    async def pointed_id(self) -> str | None:
        """The id of the revision that the pointer names. Every search asks: the whole row takes half as long again."""
        async with self._database.transaction() as session:
            return await session.scalar(select(IndexPointer.revision_id))

    async def serving(self) -> Serving:
        async with self._database.transaction() as session:
            revision = await _pointed(session)
            documents: Sequence[Document] = ()
            if revision is not None:
                query = select(Document).where(Document.revision_id == revision.id)
                documents = (await session.scalars(query)).all()
            return Serving(revision, documents, await _sources(session))

    async def sources(self) -> Sequence[Source]:
        async with self._database.transaction() as session:
            return await _sources(session)

    async def document_counts(self) -> dict[str, int]:
        """Documents of the serving revision by source name."""
        async with self._database.transaction() as session:
            revision = await _pointed(session)
            if revision is None:
                return {}
            query = (
                select(Document.source, func.count())
                .where(Document.revision_id == revision.id)
                .group_by(Document.source)
            )
            return {name: count for name, count in await session.execute(query)}  # noqa: C416  (rows are no pairs to mypy)

    async def revision_ids(self) -> list[str]:
        """Every revision that stands in the database, newest first."""
        async with self._database.transaction() as session:
            return list(await session.scalars(select(Revision.id).order_by(Revision.created_at.desc())))

    async def switch(self, revision: Revision, documents: Sequence[Document], sources: Sequence[Source]) -> None:
        """Put a finished revision into service: rows, sources and pointer in one transaction."""
        async with self._database.transaction() as session:
            session.add(revision)
            await session.flush()
            session.add_all(documents)
            pointer = await session.get(IndexPointer, 1)
            if pointer is None:
                session.add(IndexPointer(id=1, revision_id=revision.id))
            else:
                pointer.revision_id = revision.id
            await _replace_sources(session, sources)

    async def replace_sources(self, sources: Sequence[Source]) -> None:
        async with self._database.transaction() as session:
            await _replace_sources(session, sources)

    async def forget(self, revision_ids: Sequence[str]) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(Document).where(Document.revision_id.in_(revision_ids)))
            await session.execute(delete(Revision).where(Revision.id.in_(revision_ids)))


async def _pointed(session: AsyncSession) -> Revision | None:
    query = select(Revision).join(IndexPointer, IndexPointer.revision_id == Revision.id)
    return (await session.scalars(query)).one_or_none()


async def _sources(session: AsyncSession) -> Sequence[Source]:
    return (await session.scalars(select(Source).order_by(Source.created_at, Source.name))).all()


async def _replace_sources(session: AsyncSession, sources: Sequence[Source]) -> None:
    kept = {source.name for source in sources}
    await session.execute(delete(Source).where(Source.name.not_in(kept)))
    await session.flush()
    for source in sources:
        await session.merge(source)
