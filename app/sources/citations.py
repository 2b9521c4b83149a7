"""Citations of the answers that were given lately, to see whether a coming index would break them."""

from __future__ import annotations

from sqlalchemy import select

from app.db import Database
from app.index.comparison import Cited
from app.models.conversation import StoredAnswer

RECENT = 1000  # answers


async def recent_citations(database: Database) -> tuple[Cited, ...]:
    """Of the latest answers, those that cite nothing left out."""
    query = select(StoredAnswer.id, StoredAnswer.body).order_by(StoredAnswer.created_at.desc()).limit(RECENT)
    async with database.transaction() as session:
        rows = (await session.execute(query)).all()
    return tuple(
        Cited(answer_id, one["chunk_id"], one["url"], tuple(one["heading_path"]), one["quote"])
        for answer_id, body in rows
        for one in body.get("citations", [])
    )
