"""From a release to what an answer is made with."""

from __future__ import annotations

import structlog

from app.answering.bundle import Bundle
from app.answering.prompt import PROMPT_VERSION
from app.config import AnsweringSettings
from app.db import Database
from app.llm.model import Models
from app.models.release import Release
from app.releases import repository

log = structlog.get_logger(__name__)


class ReleaseBundles:
    """Releases do not change, so each is read once."""

    def __init__(self, settings: AnsweringSettings, database: Database, models: Models) -> None:
        self._settings = settings
        self._database = database
        self._models = models
        self._known: dict[str, tuple[AnsweringSettings, str]] = {}

    async def of(self, release_id: str | None) -> Bundle:
        """Raises EngineUnavailable or ConfigurationError where the release's model cannot be had."""
        if release_id is None:
            return Bundle(self._settings, await self._models.client_of(""))
        if release_id not in self._known:
            async with self._database.transaction() as session:
                release = await repository.find(session, release_id)
            self._known[release_id] = (self._settings, "") if release is None else self._read(release)
        settings, model = self._known[release_id]
        return Bundle(settings, await self._models.client_of(model), release_id)

    def _read(self, release: Release) -> tuple[AnsweringSettings, str]:
        if release.prompt_version != PROMPT_VERSION:
            log.warning("release.prompt_differs", release=release.id, its=release.prompt_version, ours=PROMPT_VERSION)
        settings = AnsweringSettings.model_validate(self._settings.model_dump() | release.thresholds)
        return settings, release.model
