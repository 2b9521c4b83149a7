"""What is indexed: sources, revisions of the index, the documents of each, and the pointer to the serving one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Source(Base):
    """A place that documents come from. Its name is part of every chunk id."""

    __tablename__ = "sources"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    location: Mapped[str] = mapped_column(unique=True)
    base_url: Mapped[str]
    handbook: Mapped[bool]  # Docent's own docs, indexed by a fresh install, dropped with the first own source
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Revision(Base):
    """One complete, immutable index. Rows exist only for revisions that were validated."""

    __tablename__ = "revisions"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    embedding_model: Mapped[str]
    dimension: Mapped[int]
    chunking: Mapped[str]
    documents: Mapped[int]
    chunks: Mapped[int]


class IndexPointer(Base):
    """The one row that says which revision serves."""

    __tablename__ = "index_pointer"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"))


class Document(Base):
    """A file as it stands in a revision. `content_hash` decides whether the next run reads it again."""

    __tablename__ = "documents"

    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    content_hash: Mapped[str]
    title: Mapped[str]
    sections: Mapped[int]
    chunk_ids: Mapped[list[str]] = mapped_column(Json)
