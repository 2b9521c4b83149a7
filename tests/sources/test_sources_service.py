"""Indexing and searching as one service, under the endpoints and the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.errors import IndexLocked, InvalidInput, NotFound
from app.index.build import Progress
from app.index.indexer import IndexReport
from app.runtime import Core
from app.sources.reindexing import Reindexing
from app.sources.schemas import IndexBody
from app.sources.service import QUESTION_CHARS, SourcesService


@pytest.fixture
def sources(core: Core) -> SourcesService:
    reindexing = Reindexing(core.settings, core.database, core.catalog, core.indexer)
    return SourcesService(core.library, core.indexer, reindexing)


async def test_a_run_gives_progress_and_then_its_report(sources: SourcesService, docs: Path) -> None:
    items = [item async for item in sources.index(IndexBody(paths=[docs]))]

    *progress, report = items
    assert isinstance(report, IndexReport)
    assert report.files == 5
    assert all(isinstance(item, Progress) for item in progress)
    done = [(item.phase, item.done) for item in progress if isinstance(item, Progress)]
    assert done == sorted(done, key=lambda one: (one[0] == "embed", one[1]))


async def test_a_run_goes_on_when_nobody_listens_any_more(core: Core, sources: SourcesService, docs: Path) -> None:
    (docs / "long.md").write_text("\n\n".join(f"## Part {n}\n\n" + "It glows. " * 100 for n in range(4)))
    stream = sources.index(IndexBody(paths=[docs]))
    assert isinstance(await anext(stream), Progress)
    await stream.aclose()  # type: ignore[attr-defined]

    with pytest.raises(IndexLocked):
        _ = [item async for item in sources.index(IndexBody(paths=[docs]))]
    async with asyncio.timeout(60):
        while await core.catalog.serving_revision() is None:  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.05)

    assert list((await core.catalog.document_counts()).values()) == [6]


async def test_a_refusal_comes_out_of_the_stream(sources: SourcesService, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file or folder"):
        _ = [item async for item in sources.index(IndexBody(paths=[tmp_path / "nowhere"]))]
    with pytest.raises(NotFound, match="no source named nobody"):
        _ = [item async for item in sources.remove("nobody")]


async def test_paths_are_absolute_and_resolved(core: Core, sources: SourcesService, docs: Path) -> None:
    with pytest.raises(InvalidInput, match="docs is not an absolute path"):
        sources.index(IndexBody(paths=[Path("docs")]))
    (docs.parent / "link").symlink_to(docs)

    _ = [item async for item in sources.index(IndexBody(paths=[docs.parent / "link"]))]
    _ = [item async for item in sources.index(IndexBody(paths=[docs / "guide" / ".."]))]

    assert [source.location for source in await core.catalog.sources()] == [str(docs)]


async def test_searches_are_answered_with_or_without_their_stages(sources: SourcesService, docs: Path) -> None:
    _ = [item async for item in sources.index(IndexBody(paths=[docs], base_url="https://docs.example.org"))]

    plain = await sources.search("  Why does the lamp flicker? ", 2, explained=False)
    explained = await sources.search("Why does the lamp flicker?", 2, explained=True)

    assert plain.question == "Why does the lamp flicker?"
    assert plain.results[0].path == "faq.md"
    assert [hit.explain for hit in plain.results] == [None, None]
    assert [hit.chunk_id for hit in plain.results] == [hit.chunk_id for hit in explained.results]
    stages = explained.results[0].explain
    assert stages is not None
    assert set(stages) == {"chunk_id", "path", "heading_path", "dense", "sparse", "fused", "rerank"}


@pytest.mark.parametrize(
    ("question", "message"), [(" \n", "the question is empty"), ("x" * (QUESTION_CHARS + 1), "has 4001 characters")]
)
async def test_questions_that_are_none_are_refused(sources: SourcesService, question: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await sources.search(question, 5, explained=False)
