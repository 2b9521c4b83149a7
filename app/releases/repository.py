"""Releases in the database. SQL of releases lives here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.index import IndexPointer, Revision
from app.models.release import Promotion, Release


async def find(session: AsyncSession, release_id: str) -> Release | None:
    return await session.get(Release, release_id)


async def all_releases(session: AsyncSession) -> Sequence[Release]:
    """The newest first."""
    return (await session.scalars(select(Release).order_by(Release.created_at.desc(), Release.id))).all()


async def promotions(session: AsyncSession) -> Sequence[Promotion]:
    """The latest first."""
    return (await session.scalars(select(Promotion).order_by(Promotion.number.desc()))).all()


async def put_into_service(session: AsyncSession, release: Release) -> bool:
    """Pointer and log in one transaction. False where the release's revision is not there any more."""
    pointer = await session.get(IndexPointer, 1, with_for_update=True)
    if pointer is None or await session.get(Revision, release.revision_id) is None:
        return False
    pointer.revision_id, pointer.release_id, pointer.held = release.revision_id, release.id, True
    session.add(Promotion(release_id=release.id))
    return True
