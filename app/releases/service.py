"""Releases: which there are, one put into service, and back to the one before."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from app.answering.prompt import PROMPT_VERSION
from app.config import Settings
from app.db import Database
from app.errors import ConfigurationError, DocentError, InvalidInput, NotFound
from app.index.catalog import Catalog
from app.index.indexer import check_compatible, is_servable
from app.index.revisions import Revisions
from app.llm.model import Models
from app.models.index import Revision
from app.models.release import Promotion, Release
from app.releases import repository
from app.releases.schemas import PromoteBody, ReleaseResponse, Thresholds


class ReleaseConflict(DocentError):
    status = 409
    kind = "release-conflict"
    title = "The release cannot be put into service"


class ReleasesService:
    def __init__(
        self, settings: Settings, database: Database, catalog: Catalog, revisions: Revisions, models: Models
    ) -> None:
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._revisions = revisions
        self._models = models

    async def list(self) -> list[ReleaseResponse]:
        """The newest first."""
        async with self._database.transaction() as session:
            releases = await repository.all_releases(session)
            promoted = await repository.promotions(session)
        rows = {row.id: row for row in await self._catalog.revisions()}
        serving, current = await self._catalog.pointed()
        return [await self._response(one, promoted, rows.get(one.revision_id), serving, current) for one in releases]

    async def promote(self, body: PromoteBody) -> ReleaseResponse:
        """Have a release serve: index, model and thresholds at once, in one transaction.

        Its index is opened and its model asked before. Raises InvalidInput without a gate that passed, NotFound,
        ReleaseConflict, IndexMissing, IndexMismatch, and EngineUnavailable where the model does not answer.
        """
        release = await self._found(body.release) if body.release else await self._new(body)
        return await self._serve(release)

    async def rollback(self) -> ReleaseResponse:
        """Back to the release that served before the one in service. Raises ReleaseConflict where there is none."""
        _, current = await self._catalog.pointed()
        async with self._database.transaction() as session:
            earlier = [one.release_id for one in await repository.promotions(session)]
        before = earlier[earlier.index(current) + 1 :] if current in earlier else []
        previous = next((one for one in before if one != current), None)
        if previous is None:
            raise ReleaseConflict("there is no release before the one in service: `docent release list` shows them")
        return await self._serve(await self._found(previous))

    async def _found(self, release_id: str) -> Release:
        async with self._database.transaction() as session:
            release = await repository.find(session, release_id)
        if release is None:
            raise NotFound(f"there is no release {release_id}: `docent release list` shows them")
        return release

    async def _new(self, body: PromoteBody) -> Release:
        if not body.without_gate and not (body.gate or {}).get("passed"):
            raise InvalidInput(
                "no gate has let it pass: give gate.json of `docent-train evaluate compare --gate`, "
                "or say that it goes without one"
            )
        serving, current = await self._catalog.pointed()
        revision_id = body.revision or serving
        if revision_id is None:
            raise NotFound("nothing is indexed yet: a release needs an index")
        model = body.model
        if model is None:
            model = (await self._found(current)).model if current else ""
        given = {name: value for name, value in body.thresholds.model_dump().items() if value is not None}
        ours = self._settings.answering.model_dump(include=set(Thresholds.model_fields))
        return Release(
            id=f"rel_{secrets.token_hex(12)}",
            revision_id=revision_id,
            model=model,
            prompt_version=PROMPT_VERSION,
            thresholds=ours | given,
            evidence={} if body.without_gate else dict(body.gate or {}),
            note=body.note,
        )

    async def _serve(self, release: Release) -> ReleaseResponse:
        if release.prompt_version != PROMPT_VERSION:
            raise ReleaseConflict(
                f"it was made for prompt version {release.prompt_version}, and this is {PROMPT_VERSION}: make a new one"
            )
        rows = {row.id: row for row in await self._catalog.revisions()}
        row = rows.get(release.revision_id)
        if row is None:
            raise NotFound(
                f"its revision {release.revision_id} is gone: `docent revision list` shows those that are kept"
            )
        check_compatible(row, self._settings)
        await asyncio.to_thread(self._revisions.open, row.id)
        try:
            await self._models.client_of(release.model)
        except ConfigurationError as error:
            raise ReleaseConflict(f"its model cannot be had: {error.detail}") from error
        async with self._database.transaction() as session:
            release = await session.merge(release)
            await session.flush()
            if not await repository.put_into_service(session, release):
                raise ReleaseConflict("its revision was removed meanwhile: take another one")
        async with self._database.transaction() as session:
            promoted = await repository.promotions(session)
        return await self._response(release, promoted, row, release.revision_id, release.id)

    async def _response(
        self,
        release: Release,
        promoted: Sequence[Promotion],
        row: Revision | None,
        serving: str | None,
        current: str | None,
    ) -> ReleaseResponse:
        return ReleaseResponse(
            id=release.id,
            created_at=release.created_at,
            promoted_at=next((one.promoted_at for one in promoted if one.release_id == release.id), None),
            revision=release.revision_id,
            model=release.model,
            prompt_version=release.prompt_version,
            thresholds=release.thresholds,
            gate=release.evidence,
            note=release.note,
            in_service=release.id == current,
            moved_on=release.id == current and release.revision_id != serving,
            available=row is not None and await asyncio.to_thread(is_servable, row, self._settings, self._revisions),
        )
