"""The serving index follows the pointer, and a search keeps the revision it began with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from llama_index.core.schema import MetadataMode, QueryBundle

from app.config import Settings
from app.errors import IndexMissing
from app.index.indexer import IndexReport, IndexRequest
from app.index.retriever import DocentRetriever
from app.runtime import Core, open_core

Index = Callable[..., Awaitable[IndexReport]]
Docent = Callable[..., "CompletedProcess[str]"]


async def test_before_the_first_index_it_says_what_to_do(core: Core) -> None:
    with pytest.raises(IndexMissing, match="nothing is indexed yet: run `docent index PATH`"):
        await core.library.search("lamp")


async def test_a_revision_is_opened_once(core: Core, index: Index, docs: Path) -> None:
    await index(docs)

    first, *others = await asyncio.gather(*(core.library.current() for _ in range(5)))

    assert all(one is first for one in others)
    assert await core.library.current() is first


async def test_what_another_process_indexed_is_found_by_the_next_search(
    core: Core, index: Index, docs: Path, docent: Docent
) -> None:
    await index(docs)
    old = await core.library.search("zirconium shade")
    assert not any("zirconium" in one.chunk.text for one in old.candidates)
    (docs / "shade.md").write_text("# Shade\n\nThe zirconium shade is mounted by hand.\n")

    done = await asyncio.to_thread(docent, "index", docs)

    assert (done.returncode, done.stderr) == (0, "")
    new = await core.library.search("zirconium shade")
    assert new.revision.id != old.revision.id
    assert new.candidates[0].chunk.path == "shade.md"
    again = core.library.searcher.search(old.revision, "zirconium shade")
    assert [one.chunk.id for one in again.candidates] == [one.chunk.id for one in old.candidates]


async def test_a_search_goes_on_after_its_revision_was_dropped(settings: Settings, docs: Path) -> None:
    kept = settings.model_copy(update={"index": settings.index.model_copy(update={"keep_revisions": 1})})
    async with open_core(kept) as core, open_core(kept) as reader:
        await core.indexer.index(IndexRequest((docs,)), lambda _: None)
        old = await reader.library.search("Why does the lamp flicker?")
        for edition in range(2):
            (docs / "faq.md").write_text(f"# Questions\n\nEdition {edition}.\n")
            await core.indexer.index(IndexRequest((docs,)), lambda _: None)
        assert not (settings.data_dir / "index" / old.revision.id).exists()

        again = reader.library.searcher.search(old.revision, "Why does the lamp flicker?")

        assert again.candidates == old.candidates
        assert old.revision.vocabulary.chunks == old.revision.store.count()
        new = await reader.library.search("Why does the lamp flicker?")
        assert any("Edition 1" in one.chunk.text for one in new.candidates)


async def test_searches_run_beside_an_index_run_and_see_one_edition_each(core: Core, index: Index, docs: Path) -> None:
    def write(edition: int) -> None:
        for number in range(12):
            (docs / f"page{number}.md").write_text(f"# Page {number}\n\nThis is edition{edition} of the lamp.\n")

    write(0)
    await index(docs)
    write(1)
    running = asyncio.ensure_future(index(docs))
    seen = set()
    while not running.done():
        texts = [one.chunk.text for one in (await core.library.search("edition of the lamp", 30)).candidates]
        editions = {number for number in (0, 1) if any(f"edition{number}" in text for text in texts)}
        assert len(editions) == 1
        seen |= editions
    await running
    assert 0 in seen
    after = await core.library.search("edition of the lamp", 30)
    assert not any("edition0" in one.chunk.text for one in after.candidates)


async def test_the_vocabulary_counts_copied_chunks_and_new_ones(core: Core, index: Index, docs: Path) -> None:
    await index(docs)
    (docs / "shade.md").write_text("# Shade\n\nThe zirconium shade.\n")
    report = await index(docs)

    revision = await core.library.current()

    assert report.embedded == 1
    assert revision.vocabulary.chunks == report.chunks
    assert "zirconium" in revision.vocabulary
    assert "flicker" in revision.vocabulary


async def test_the_retriever_gives_nodes_with_ids_and_scores(core: Core, index: Index, docs: Path) -> None:
    await index(docs, base_url="https://docs.example.org")
    result = await core.library.search("Why does the lamp flicker?", 3)

    retriever = await DocentRetriever.of(core.library, top_k=3)
    nodes = await asyncio.to_thread(retriever.retrieve, "Why does the lamp flicker?")

    assert [node.node_id for node in nodes] == [one.chunk.id for one in result.candidates]
    assert [node.score for node in nodes] == [one.score for one in result.candidates]
    best = nodes[0].node
    assert best.get_content() == result.candidates[0].chunk.text
    assert best.metadata["path"] == "faq.md"
    assert best.metadata["source"] == "docs"
    assert best.metadata["url"].startswith("https://docs.example.org/faq")
    shown = best.get_content(MetadataMode.LLM)
    assert "title: Questions" in shown
    assert "https://" not in shown
    assert len(await asyncio.to_thread(retriever.retrieve, QueryBundle("colour"))) == 3
