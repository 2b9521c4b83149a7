"""The two clients behind one face, so that a test is about both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from app.auth.keys import ApiKeys
from docent_client import AsyncDocent, Docent
from tests.chat.visiting import on_database
from tests.service.serving import Service


class Awaited:
    """An async client whose calls are run to their end: coroutines give their result, generators become iterators."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target, self._runner = target, runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return self._called(found) if inspect.isroutine(found) else Awaited(found, self._runner)

    def _called(self, method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            return self._each(result) if inspect.isasyncgen(result) else self._runner.run(result)

        return call

    def _each(self, results: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self._runner.run(_next(results))
            except StopAsyncIteration:
                return


async def _next(results: AsyncIterator[Any]) -> Any:
    return await anext(results)


def api_key(service: Service, scope: Any) -> str:
    return on_database(service.data_dir, lambda database: ApiKeys(database).create("tests", scope)).token


def opened(kind: str, runner: asyncio.Runner, url: str, key: str, **settings: Any) -> Any:
    """The client of a kind, sync or async, as a sync one."""
    client: Any = Docent(url, key, **settings)
    return client if kind == "sync" else Awaited(AsyncDocent(url, key, **settings), runner)
