"""The index as the database knows it: sources, revisions, documents, and the pointer. SQL of the index lives here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database, utc_now
from app.models.index import Document, IndexPointer, Revision, Source
from app.models.release import Promotion, Release


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves now: the revision, its documents, and every source. held: see IndexPointer."""

    revision: Revision | None
    documents: Sequence[Document]
    sources: Sequence[Source]
    held: bool = False


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

    async def pointed(self) -> tuple[str | None, str | None]:
        """The revision and the release in service, read at one moment; each None before the first."""
        async with self._database.transaction() as session:
            row = (await session.execute(select(IndexPointer.revision_id, IndexPointer.release_id))).one_or_none()
            return (row[0], row[1]) if row is not None else (None, None)

    async def serving(self) -> Serving:
        async with self._database.transaction() as session:
            revision = await _pointed(session)
            documents: Sequence[Document] = ()
            if revision is not None:
                query = select(Document).where(Document.revision_id == revision.id)
                documents = (await session.scalars(query)).all()
            held = bool(await session.scalar(select(IndexPointer.held)))
            return Serving(revision, documents, await _sources(session), held)

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

    async def is_held(self) -> bool:
        """Whether the serving revision was put there by a rollback, and stays until somebody asks for a run."""
        async with self._database.transaction() as session:
            return bool(await session.scalar(select(IndexPointer.held)))

    async def revisions(self) -> Sequence[Revision]:
        """The newest first."""
        async with self._database.transaction() as session:
            return (await session.scalars(select(Revision).order_by(Revision.created_at.desc(), Revision.id))).all()

    async def point_back(self, revision_id: str) -> None:
        """Put a revision that stands in the database into service again, and hold it."""
        async with self._database.transaction() as session:
            await session.execute(update(IndexPointer).values(revision_id=revision_id, held=True))

    async def released_revisions(self) -> set[str]:
        """Of the release in service and the one before it, so that it can be gone back to."""
        latest = select(Promotion.release_id).order_by(Promotion.number.desc())
        async with self._database.transaction() as session:
            ids = list(dict.fromkeys(await session.scalars(latest)))[:2]
            return set(await session.scalars(select(Release.revision_id).where(Release.id.in_(ids))))

    async def note_failure(self, name: str, reason: str) -> None:
        """Write to a source why its latest sync failed."""
        async with self._database.transaction() as session:
            await session.execute(update(Source).where(Source.name == name).values(error=reason))

    async def switch(
        self,
        revision: Revision,
        documents: Sequence[Document],
        put: Sequence[Source],
        drop: Collection[str],
        synced: Collection[str],
        *,
        instead_of: str | None,
    ) -> bool:
        """Put a finished revision into service: rows, sources and pointer in one transaction.

        put: sources to be written. drop: names of those to be deleted. synced: names of those that were read.
        instead_of: id of the revision that it was made from. False where another one serves by now; nothing is
        written then.
        """
        async with self._database.transaction() as session:
            pointer = await session.get(IndexPointer, 1, with_for_update=True)
            if pointer is not None and pointer.revision_id != instead_of:
                return False
            session.add(revision)
            await session.flush()
            session.add_all(documents)
            if pointer is None:
                session.add(IndexPointer(id=1, revision_id=revision.id))
            else:
                pointer.revision_id, pointer.held = revision.id, False
            await _write_sources(session, put, drop, synced)
            return True

    async def stay(
        self,
        revision_id: str | None,
        fetched: Mapping[str, dict[str, object]],
        put: Sequence[Source],
        drop: Collection[str],
        synced: Collection[str],
    ) -> None:
        """A run has found nothing new, compared with the revision, which serves on. Parameters as of `switch`."""
        async with self._database.transaction() as session:
            await session.execute(
                update(Revision)
                .where(Revision.id == revision_id)
                .values(fetched=dict(fetched))
                .execution_options(synchronize_session=False)
            )
            await session.execute(
                update(IndexPointer).where(IndexPointer.revision_id == revision_id).values(held=False)
            )
            await _write_sources(session, put, drop, synced)

    async def forget(self, revision_ids: Sequence[str]) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(Document).where(Document.revision_id.in_(revision_ids)))
            await session.execute(delete(Revision).where(Revision.id.in_(revision_ids)))


async def _pointed(session: AsyncSession) -> Revision | None:
    query = select(Revision).join(IndexPointer, IndexPointer.revision_id == Revision.id)
    return (await session.scalars(query)).one_or_none()


async def _sources(session: AsyncSession) -> Sequence[Source]:
    return (await session.scalars(select(Source).order_by(Source.created_at, Source.name))).all()


async def _write_sources(
    session: AsyncSession, put: Sequence[Source], drop: Collection[str], synced: Collection[str]
) -> None:
    await session.execute(delete(Source).where(Source.name.in_(drop)))
    await session.flush()
    for source in put:
        await session.merge(source)
    await session.flush()
    synced_now = update(Source).where(Source.name.in_(synced)).values(synced_at=utc_now(), error="")
    await session.execute(synced_now.execution_options(synchronize_session=False))
