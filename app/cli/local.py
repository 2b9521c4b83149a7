"""Index, search and answers in this process, for when no service runs on the data folder.

It is imported when it is needed: with the libraries below it, that takes longer than most questions to a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from app.config import Settings
from app.errors import InvalidInput
from app.index.indexer import IndexReport, Progress
from app.runtime import Core, open_core
from app.sources.registry import SourceRegistry
from app.sources.reindexing import Reindexing
from app.sources.revisions import RevisionsService
from app.sources.schemas import IndexBody
from app.sources.service import SourcesService
from app.sources.specification import ReindexBody, SourceBody, SourceChange

Body = TypeVar("Body", bound=BaseModel)
OnProgress = Callable[[dict[str, Any]], None]


class LocalDocent:
    """The same calls as RemoteService has. What is opened stays open for the next call, until the block ends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._core_opened: Core | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._opened.aclose())
        finally:
            self._runner.close()

    def index(self, body: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        items = self._sources().index(IndexBody.model_validate(body))
        return self._runner.run(_last(items, on_progress)).model_dump(mode="json")

    def remove(self, name: str, on_progress: OnProgress) -> dict[str, Any]:
        return self._runner.run(_last(self._sources().remove(name), on_progress)).model_dump(mode="json")

    def search(self, question: str, limit: int, explained: bool) -> dict[str, Any]:
        return self._runner.run(self._sources().search(question, limit, explained)).model_dump(mode="json")

    def sources(self) -> list[dict[str, Any]]:
        return [source.model_dump(mode="json") for source in self._runner.run(self._registry().list())]

    def source(self, name: str) -> dict[str, Any]:
        return self._runner.run(self._registry().get(name)).model_dump(mode="json")

    def add_source(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._runner.run(self._registry().create(valid(SourceBody, body))).model_dump(mode="json")

    def test_source(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._runner.run(self._registry().test(valid(SourceBody, body))).model_dump(mode="json")

    def update_source(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        updated = self._registry().update(name, valid(SourceChange, change))
        return self._runner.run(updated).model_dump(mode="json")

    def push_secret(self, name: str) -> dict[str, Any]:
        return self._runner.run(self._registry().push_secret(name)).model_dump(mode="json")

    def revisions(self) -> list[dict[str, Any]]:
        return [one.model_dump(mode="json") for one in self._runner.run(self._revisions().list())]

    def rollback(self, revision: str | None) -> dict[str, Any]:
        return self._runner.run(self._revisions().rollback(revision)).model_dump(mode="json")

    def reindex(self, body: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        items = self._sources().reindex(valid(ReindexBody, body))
        return self._runner.run(_last(items, on_progress)).model_dump(mode="json")

    def _sources(self) -> SourcesService:
        core = self._core()
        reindexing = Reindexing(self._settings, core.database, core.catalog, core.indexer)
        return SourcesService(core.library, core.indexer, reindexing)

    def _registry(self) -> SourceRegistry:
        core = self._core()
        return SourceRegistry(self._settings, core.database, core.catalog)

    def _revisions(self) -> RevisionsService:
        core = self._core()
        return RevisionsService(self._settings, core.catalog, core.revisions)

    def _core(self) -> Core:
        return self._core_opened or self._runner.run(self._open_core())

    async def _open_core(self) -> Core:
        self._core_opened = await self._opened.enter_async_context(open_core(self._settings))
        return self._core_opened


def valid(kind: type[Body], given: dict[str, Any]) -> Body:
    """Raises InvalidInput with the first thing that is wrong."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidInput(f"{where}: {said}" if where else said) from error


async def _last(items: AsyncIterator[Progress | IndexReport], on_progress: OnProgress) -> IndexReport:
    async for item in items:
        if isinstance(item, BaseModel):
            return item
        on_progress(asdict(item))
    raise RuntimeError("an index run ended without its report")
