"""Releases: what answers are made with, put into service as one and taken back as one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Release(Base):
    """revision_id: of the index; its row may be forgotten once the release is neither current nor the one before.

    model: as the endpoint calls it, or a GGUF file of the embedded engine; '' is what the settings name. thresholds: of
    answering, by the names of the settings, all that it fixes. evidence: what an evaluation's gate said.
    """

    __tablename__ = "releases"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    revision_id: Mapped[str]
    model: Mapped[str]
    prompt_version: Mapped[int]
    thresholds: Mapped[dict[str, float | int]] = mapped_column(Json)
    evidence: Mapped[dict[str, Any]] = mapped_column(Json)
    note: Mapped[str]


class Promotion(Base):
    """A release was put into service. The highest number is the latest."""

    __tablename__ = "promotions"

    number: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    promoted_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
