"""Indexing and searching as one service, for the endpoints and for the command line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from app.errors import InvalidInput
from app.index.indexer import Indexer, IndexReport, IndexRequest, Progress
from app.index.library import Library
from app.sources.reindexing import Reindexing
from app.sources.schemas import IndexBody, SearchResponse, search_response
from app.sources.specification import ReindexBody

QUESTION_CHARS = 4000
Work = Callable[[Callable[[Progress], None]], Awaitable[IndexReport]]


def index_request(body: IndexBody) -> IndexRequest:
    """Raises InvalidInput."""
    relative = next((path for path in body.paths if not path.is_absolute()), None)
    if relative is not None:
        raise InvalidInput(f"{relative} is not an absolute path")
    if body.base_url and not re.match(r"https?://[^\s/]", body.base_url):
        raise InvalidInput(f"the base URL {body.base_url} is none: it begins with https:// or http://")
    return IndexRequest(tuple(path.resolve() for path in body.paths), body.base_url, body.rebuild, force=body.force)


class SourcesService:
    def __init__(self, library: Library, indexer: Indexer, reindexing: Reindexing) -> None:
        self._library = library
        self._indexer = indexer
        self._reindexing = reindexing

    def index(self, body: IndexBody) -> AsyncIterator[Progress | IndexReport]:
        """Index the folders of `body`: progress while it runs, the report at the end."""
        request = index_request(body)
        return _with_progress(lambda report: self._indexer.index(request, report))

    def remove(self, name: str) -> AsyncIterator[Progress | IndexReport]:
        """Take a source out of the index."""
        return _with_progress(lambda report: self._reindexing.remove(name, report))

    def reindex(self, body: ReindexBody) -> AsyncIterator[Progress | IndexReport]:
        """Bring sources up to date, or say what that would change."""
        return _with_progress(lambda report: self._reindexing.run(body, report))

    async def search(self, question: str, limit: int, explained: bool) -> SearchResponse:
        """The best `limit` chunks for `question`."""
        if not question.strip():
            raise InvalidInput("the question is empty: write what to search for")
        if len(question) > QUESTION_CHARS:
            raise InvalidInput(f"the question has {len(question)} characters, {QUESTION_CHARS} are taken")
        return search_response(await self._library.search(question.strip(), limit), explained)


async def _with_progress(work: Work) -> AsyncIterator[Progress | IndexReport]:
    """Run `work`, whose progress comes from other threads, as a stream. Who stops reading does not stop the work:
    a half-written revision would have to be made again.
    """
    loop = asyncio.get_running_loop()
    latest: asyncio.Queue[Progress | None] = asyncio.Queue()

    def report(progress: Progress) -> None:
        loop.call_soon_threadsafe(latest.put_nowait, progress)

    task = asyncio.ensure_future(work(report))
    task.add_done_callback(lambda _: latest.put_nowait(None))
    while (progress := await latest.get()) is not None:
        while not latest.empty() and (newer := latest.get_nowait()) is not None:
            progress = newer
        yield progress
        if task.done():
            break
    yield await task
