"""Sites: where a widget may stand, and what it looks like there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, utc_now
from app.models.columns import Json


class Site(Base):
    """id: the public key, which stands in the page. own: the service's start page, wherever that is served."""

    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    own: Mapped[bool]
    origins: Mapped[list[str]] = mapped_column(Json)
    title: Mapped[str] = mapped_column(default="")
    greeting: Mapped[str] = mapped_column(default="")
    starters: Mapped[list[str]] = mapped_column(Json, default=list)
    accent: Mapped[str] = mapped_column(default="")
    accent_dark: Mapped[str] = mapped_column(default="")
    position: Mapped[str] = mapped_column(default="right")
    person: Mapped[bool] = mapped_column(default=True)
    strings: Mapped[dict[str, dict[str, str]]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
