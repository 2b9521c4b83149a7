"""Releases in this process: a LocalDocent that can look at models. Apart from it, as LocalChat is."""

from __future__ import annotations

from typing import Any

from app.cli.local import LocalDocent, valid
from app.llm.model import Models, build_model
from app.releases.schemas import PromoteBody
from app.releases.service import ReleasesService


class LocalReleases(LocalDocent):
    def releases(self) -> list[dict[str, Any]]:
        return [one.model_dump(mode="json") for one in self._runner.run(self._releases().list())]

    def promote(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._runner.run(self._releases().promote(valid(PromoteBody, body))).model_dump(mode="json")

    def rollback_release(self) -> dict[str, Any]:
        return self._runner.run(self._releases().rollback()).model_dump(mode="json")

    def _releases(self) -> ReleasesService:
        core = self._core()
        models = Models(self._settings, build_model(self._settings))
        self._opened.push_async_callback(models.close)
        return ReleasesService(self._settings, core.database, core.catalog, core.revisions, models)
