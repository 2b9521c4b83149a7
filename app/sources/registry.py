"""The sources that documents come from: made, shown, changed, tried."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.db import Database
from app.errors import DocentError, InvalidInput, NotFound
from app.fetching.origin import Origin
from app.fetching.probe import probe
from app.index.catalog import Catalog
from app.models.index import Source
from app.sources.specification import (
    PushSecret,
    SourceBody,
    SourceChange,
    SourceResponse,
    SourceTest,
    UntouchedPage,
)

_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")


class SourceConflict(DocentError):
    status = 409
    kind = "source-conflict"
    title = "There is such a source"


class SourceRegistry:
    """What stands in the index of a source that is changed stays until its next run."""

    def __init__(self, settings: Settings, database: Database, catalog: Catalog) -> None:
        self._settings = settings
        self._database = database
        self._catalog = catalog

    async def list(self) -> list[SourceResponse]:
        """In the order in which they were made."""
        counts = await self._catalog.document_counts()
        return [source_response(source, counts.get(source.name, 0)) for source in await self._catalog.sources()]

    async def get(self, name: str) -> SourceResponse:
        """Raises NotFound."""
        counts = await self._catalog.document_counts()
        async with self._database.transaction() as session:
            return source_response(await find_source(session, name), counts.get(name, 0))

    async def create(self, body: SourceBody) -> SourceResponse:
        """A source that nothing is indexed of yet. Raises SourceConflict where name or place are another one's."""
        try:
            async with self._database.transaction() as session:
                if await session.get(Source, body.name) is not None:
                    raise SourceConflict(f"there is a source named {body.name}: change that one, or choose another")
                source = Source(**_columns(body), handbook=False, push_secret=secrets.token_hex(32))
                session.add(source)
                await session.flush()
        except IntegrityError as error:
            raise SourceConflict(f"another source has the location {shown(body.location)}: change that one") from error
        return source_response(source, 0)

    async def update(self, name: str, change: SourceChange) -> SourceResponse:
        """Raises NotFound, SourceConflict, or InvalidInput where the change does not fit the kind of source."""
        given = change.model_dump(exclude_none=True)
        counts = await self._catalog.document_counts()
        try:
            async with self._database.transaction() as session:
                source = await find_source(session, name)
                if source.handbook:
                    raise InvalidInput("the handbook follows Docent's own docs: make a source of your own")
                if given.get("location") == shown(source.location):  # read, and written back
                    del given["location"]
                merged = {**_specified(source), **given}
                try:
                    body = SourceBody.model_validate(merged)
                except ValidationError as error:
                    raise InvalidInput(_first_message(error)) from error
                for column, value in _columns(body).items():
                    setattr(source, column, value)
                if given.keys() & {"location", "branch", "subfolder"}:
                    source.error = ""  # it was of another place
                await session.flush()
        except IntegrityError as error:
            raise SourceConflict("another source has this location: change that one") from error
        return source_response(source, counts.get(name, 0))

    async def test(self, body: SourceBody) -> SourceTest:
        """What a source would give, before it is saved. Raises FetchFailed with what is wrong with it."""
        folder = self._settings.data_dir / "sources" / ".tests"
        found = await asyncio.to_thread(probe, origin_of(Source(**_columns(body))), folder, self._settings.fetching)
        return SourceTest(
            documents=found.documents,
            first=list(found.first),
            failed=[UntouchedPage(path=one.path, reason=one.reason) for one in found.failed],
        )

    async def push_secret(self, name: str) -> PushSecret:
        """Raises NotFound, or InvalidInput for a source that nobody pushes to."""
        async with self._database.transaction() as session:
            source = await find_source(session, name)
            if source.kind != "git":
                raise InvalidInput(f"{name} is no git repository: give it a schedule")
            source.push_secret = source.push_secret or secrets.token_hex(32)
            return PushSecret(push_url=push_url(source), secret=source.push_secret)

    async def pushed(self, name: str) -> Source:
        """The git source that a push may be for. Raises NotFound."""
        async with self._database.transaction() as session:
            source = await find_source(session, name)
        if source.kind != "git" or not source.push_secret:
            raise NotFound(f"there is no git source named {name}")
        return source


async def find_source(session: AsyncSession, name: str) -> Source:
    """Raises NotFound, naming those there are."""
    source = await session.get(Source, name)
    if source is None:
        count = await session.scalar(select(func.count()).select_from(Source))
        hint = "`docent source list` shows them" if count else "there is none yet: `docent source add` makes one"
        raise NotFound(f"there is no source named {name} ({hint})")
    return source


def origin_of(source: Source) -> Origin:
    """Where the documents of a source come from. A row that was never stored has no defaults yet."""
    return Origin(
        kind=source.kind,  # type: ignore[arg-type]  # the database holds these words only
        location=source.location,
        branch=source.branch or "",
        subfolder=source.subfolder or "",
        include=tuple(source.include or ()),
        exclude=tuple(source.exclude or ()),
    )


def shown(location: str) -> str:
    """A location without the credentials that it may hold."""
    return _CREDENTIALS.sub("***@", location)


def push_url(source: Source) -> str:
    return f"/api/v1/sources/{source.name}/push" if source.kind == "git" else ""


def source_response(source: Source, documents: int) -> SourceResponse:
    return SourceResponse.model_validate(
        {
            **_specified(source),
            "location": shown(source.location),
            "documents": documents,
            "handbook": source.handbook,
            "synced_at": source.synced_at,
            "error": source.error or "",
            "push_url": push_url(source),
        }
    )


def _specified(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "location": source.location,
        "branch": source.branch or "",
        "subfolder": source.subfolder or "",
        "include": source.include or [],
        "exclude": source.exclude or [],
        "base_url": source.base_url,
        "product_version": source.product_version or "",
        "schedule": source.schedule or "",
        "probes": source.probes or [],
    }


def _columns(body: SourceBody) -> dict[str, Any]:
    columns = body.model_dump()
    if body.kind == "folder":
        columns["location"] = str(Path(body.location).resolve())
    return columns


def _first_message(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
