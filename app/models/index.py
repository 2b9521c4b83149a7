"""What is indexed: sources, revisions of the index, the documents of each, and the pointer to the serving one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Source(Base):
    """A place that documents come from. Its name is part of every chunk id.

    branch, subfolder: of a git repository. include, exclude: patterns as in .gitignore files. schedule: when it is
    synced, as cron says it, in UTC; '' for never. probes: questions with the path that each has to find.
    error: of the latest sync, '' where it went well. push_secret: what push webhooks are signed with.
    """

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("location", "branch", "subfolder", name="uq_sources_origin"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    location: Mapped[str]
    base_url: Mapped[str]
    handbook: Mapped[bool]  # Docent's own docs, indexed by a fresh install, dropped with the first own source
    branch: Mapped[str] = mapped_column(default="", server_default="")
    subfolder: Mapped[str] = mapped_column(default="", server_default="")
    include: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")
    exclude: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")
    product_version: Mapped[str] = mapped_column(default="", server_default="")
    schedule: Mapped[str] = mapped_column(default="", server_default="")
    probes: Mapped[list[dict[str, str]]] = mapped_column(Json, default=list, server_default="[]")
    push_secret: Mapped[str] = mapped_column(default="", server_default="")
    error: Mapped[str] = mapped_column(default="", server_default="")
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Revision(Base):
    """One complete, immutable index. Rows exist only for revisions that were validated.

    fetched: by source, what the fetch of its documents left for the next one, such as the commit.
    """

    __tablename__ = "revisions"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    embedding_model: Mapped[str]
    dimension: Mapped[int]
    chunking: Mapped[str]
    documents: Mapped[int]
    chunks: Mapped[int]
    fetched: Mapped[dict[str, dict[str, Any]]] = mapped_column(Json, default=dict, server_default="{}")


class IndexPointer(Base):
    """The one row that says which revision serves.

    held: put there by a rollback or a release, so that no schedule and no push takes it away; the next run that is
    asked for does. release_id: of the release in service, None before the first; a run that moves the index on leaves
    it where it is.
    """

    __tablename__ = "index_pointer"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"))
    held: Mapped[bool] = mapped_column(default=False, server_default=false())
    release_id: Mapped[str | None] = mapped_column(ForeignKey("releases.id"))


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
