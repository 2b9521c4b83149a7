"""Index, search and answers in this process, for when no service runs on the data folder.

It is imported when it is needed: with the libraries below it, that takes longer than most questions to a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, Self

from pydantic import BaseModel

from app.config import Settings
from app.index.indexer import IndexReport, Progress
from app.runtime import Core, open_core
from app.sources.schemas import IndexBody
from app.sources.service import SourcesService

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
        return [source.model_dump() for source in self._runner.run(self._sources().sources())]

    def _sources(self) -> SourcesService:
        core = self._core_opened or self._runner.run(self._open_core())
        return SourcesService(core.catalog, core.library, core.indexer)

    async def _open_core(self) -> Core:
        self._core_opened = await self._opened.enter_async_context(open_core(self._settings))
        return self._core_opened


async def _last(items: AsyncIterator[Progress | IndexReport], on_progress: OnProgress) -> IndexReport:
    async for item in items:
        if isinstance(item, BaseModel):
            return item
        on_progress(asdict(item))
    raise RuntimeError("an index run ended without its report")
