"""Several sources side by side: their names, URLs, and how they come and go."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.errors import IndexMismatch, IndexMissing, InvalidInput, NotFound
from app.index.indexer import IndexReport
from app.runtime import Core, open_core

Index = Callable[..., Awaitable[IndexReport]]
Found = Callable[[str], Awaitable[list[str]]]


async def urls(core: Core, question: str) -> set[str]:
    return {one.chunk.url for one in (await core.library.search(question)).candidates}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Docs of another product."""
    folder = tmp_path / "kettle"
    folder.mkdir()
    (folder / "descale.md").write_text("# Descale\n\nThe kettle is descaled with citric acid.\n")
    return folder


async def test_a_changed_base_url_changes_the_urls_and_embeds_nothing(core: Core, index: Index, docs: Path) -> None:
    first = await index(docs, base_url="https://old.example.org/docs")
    assert all(url.startswith("https://old.example.org/docs/") for url in await urls(core, "flicker"))

    second = await index(docs, base_url="https://new.example.org")

    assert (second.embedded, second.unchanged) == (0, 5)
    assert second.revision != first.revision
    assert all(url.startswith("https://new.example.org/") for url in await urls(core, "flicker"))
    result = await core.library.search("Why does the lamp flicker?")
    spans = [span for one in result.candidates for span in one.chunk.spans]
    assert all(span.url.startswith("https://new.example.org/") for span in spans)


async def test_a_base_url_stays_when_none_is_given(core: Core, index: Index, docs: Path) -> None:
    await index(docs, base_url="https://docs.example.org")

    report = await index(docs)

    assert report.unchanged == 5
    assert [source.base_url for source in await core.catalog.sources()] == ["https://docs.example.org"]


async def test_two_sources_stand_side_by_side(core: Core, index: Index, found: Found, docs: Path, other: Path) -> None:
    await index(docs)
    second = await index(other)

    assert (second.sources, second.files, second.embedded) == (["kettle"], 1, 1)
    assert any("citric" in text for text in await found("citric acid"))
    assert any("flicker" in text for text in await found("Why does the lamp flicker?"))
    assert await core.catalog.document_counts() == {"docs": 5, "kettle": 1}

    (other / "descale.md").write_text("# Descale\n\nThe kettle is descaled with vinegar.\n")
    third = await index(docs, other)
    assert (third.files, third.unchanged, third.embedded) == (6, 5, 1)


async def test_a_deleted_source_is_gone_with_its_documents(
    core: Core, index: Index, found: Found, docs: Path, other: Path
) -> None:
    await index(docs, other)

    report = await core.indexer.remove("docs", lambda _: None)

    assert report.embedded == 0
    assert report.deleted >= 5
    assert [source.name for source in await core.catalog.sources()] == ["kettle"]
    assert await found("Why does the lamp flicker?") == ["The kettle is descaled with citric acid."]


async def test_the_last_source_can_be_deleted_and_another_indexed(
    core: Core, index: Index, found: Found, docs: Path, other: Path
) -> None:
    await index(docs)
    await core.indexer.remove("docs", lambda _: None)

    with pytest.raises(IndexMissing, match="nothing is indexed yet"):
        await found("flicker")
    assert await core.catalog.sources() == []
    await index(other)
    assert len(await found("citric acid")) == 1


async def test_an_unknown_source_is_named_with_those_there_are(core: Core, index: Index, docs: Path) -> None:
    with pytest.raises(NotFound, match=r"no source named kettle \(there are: none\)"):
        await core.indexer.remove("kettle", lambda _: None)
    await index(docs)
    with pytest.raises(NotFound, match=r"\(there are: docs\)"):
        await core.indexer.remove("kettle", lambda _: None)


@pytest.mark.parametrize("name", ["handbook", "docs"])
async def test_the_handbook_gives_way_to_the_first_own_source(
    core: Core, index: Index, found: Found, docs: Path, tmp_path: Path, name: str
) -> None:
    handbook = tmp_path / "install" / name
    handbook.mkdir(parents=True)
    (handbook / "faq.md").write_text("# Docent\n\nDocent cites every sentence.\n")
    await index(handbook, handbook=True)
    assert await found("cites") == ["Docent cites every sentence."]

    await index(docs)

    assert [(source.name, source.handbook) for source in await core.catalog.sources()] == [("docs", False)]
    assert not any("cites" in text for text in await found("Docent cites every sentence"))
    assert (await core.library.current()).store.count() == sum(
        len(row.chunk_ids) for row in (await core.catalog.serving()).documents
    )


async def test_folders_of_the_same_name_get_different_names(
    core: Core, index: Index, docs: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "other" / "docs"
    twin.mkdir(parents=True)
    (twin / "faq.md").write_text("# Twin\n\nThe twin page.\n")

    await index(docs, twin)

    names = {source.name: source.location for source in await core.catalog.sources()}
    assert names == {"docs": str(docs), "docs-2": str(twin)}
    paths = [(row.source, row.path) for row in (await core.catalog.serving()).documents]
    assert ("docs", "faq.md") in paths
    assert ("docs-2", "faq.md") in paths
    assert (await index(twin)).sources == ["docs-2"]


async def test_a_rebuild_embeds_every_source(index: Index, docs: Path, other: Path) -> None:
    first = await index(docs, other)

    report = await index(rebuild=True)

    assert report.revision != first.revision
    assert report.sources == ["docs", "kettle"]
    assert report.embedded == report.chunks == first.chunks


async def test_a_rebuild_names_the_source_whose_folder_is_gone(index: Index, docs: Path, other: Path) -> None:
    await index(docs, other)
    shutil.rmtree(other)

    with pytest.raises(InvalidInput, match=r"source kettle is gone from .*`docent source delete kettle`"):
        await index(rebuild=True)


async def test_a_source_whose_folder_is_gone_can_be_deleted_under_other_settings_too(
    core: Core, index: Index, docs: Path, other: Path
) -> None:
    """Else the refusal to rebuild names a way out that is refused as well."""
    await index(docs, other)
    shutil.rmtree(other)
    changed = core.settings.model_copy(
        update={"index": core.settings.index.model_copy(update={"chunk_tokens": 200})},
    )

    async with open_core(changed) as opened:
        await opened.indexer.remove("kettle", lambda _: None)
        with pytest.raises(IndexMismatch):  # it is the old index still, with less in it
            await opened.library.current()
    assert (await core.library.search("citric acid")).revision.store.count() >= 5
    assert await index(docs)
