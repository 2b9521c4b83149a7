"""What a run reports, and that only what changed is read and embedded."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.errors import InvalidInput
from app.index.build import Progress
from app.index.indexer import IndexReport, IndexRequest
from app.runtime import Core

Index = Callable[..., Awaitable[IndexReport]]
Found = Callable[[str], Awaitable[list[str]]]


async def test_a_first_run_reports_files_sections_chunks_and_why_files_were_skipped(
    core: Core, index: Index, docs: Path
) -> None:
    (docs / "empty.md").write_text("")
    (docs / "picture.md").write_bytes(b"\x89PNG\x00\x00")
    (docs / "data.csv").write_text("a,b")  # no document at all

    report = await index(docs)

    assert report.sources == ["docs"]
    assert (report.files, report.unchanged, report.deleted) == (5, 0, 0)
    assert report.sections == 9  # 8 headings with text below them, and the text at the top of one page
    assert report.embedded == report.chunks >= 5
    assert {one.path: one.reason for one in report.skipped} == {
        "empty.md": "The file is empty.",
        "picture.md": "The file holds binary data (NUL bytes), not text.",
    }
    serving = await core.catalog.serving()
    assert serving.revision is not None
    assert serving.revision.id == report.revision
    assert (serving.revision.documents, serving.revision.chunks) == (report.files, report.chunks)
    assert (await core.library.current()).store.count() == report.chunks


async def test_progress_counts_files_then_chunks(core: Core, docs: Path) -> None:
    seen: list[Progress] = []

    report = await core.indexer.index(IndexRequest((docs,)), seen.append)

    read = [one for one in seen if one.phase == "read"]
    embedded = [one for one in seen if one.phase == "embed"]
    assert [(one.done, one.total) for one in read] == [(number, 5) for number in range(1, 6)]
    assert [one.done for one in embedded] == list(range(1, report.chunks + 1))
    assert {one.total for one in embedded} == {report.chunks}
    assert {one.item for one in read} == {one.item for one in embedded}


async def test_an_unchanged_rerun_embeds_nothing_and_keeps_the_revision(index: Index, docs: Path) -> None:
    first = await index(docs)

    second = await index(docs)

    assert second.revision == first.revision
    assert (second.embedded, second.deleted, second.unchanged) == (0, 0, 5)
    assert (second.files, second.chunks) == (first.files, first.chunks)


async def test_a_touched_file_is_unchanged(index: Index, docs: Path) -> None:
    first = await index(docs)
    (docs / "faq.md").write_bytes((docs / "faq.md").read_bytes())

    assert (await index(docs)).revision == first.revision


async def test_of_an_edited_file_only_the_changed_chunks_are_embedded(
    core: Core, index: Index, found: Found, docs: Path
) -> None:
    paragraphs = "\n\n".join(f"## Step {number}\n\n" + f"Turn screw {number} by hand. " * 30 for number in range(6))
    (docs / "assembly.md").write_text(f"# Assembly\n\n{paragraphs}\n")
    before = await index(docs)
    of_assembly = [row for row in (await core.catalog.serving()).documents if row.path == "assembly.md"]
    assert len(of_assembly[0].chunk_ids) > 3

    (docs / "assembly.md").write_text(f"# Assembly\n\n{paragraphs}\n\n## Step 6\n\nMount the zirconium shade.\n")
    after = await index(docs)

    assert after.revision != before.revision
    assert after.unchanged == before.files - 1
    assert after.embedded in {1, 2}  # the new section alone, or packed with the one before it
    assert "zirconium" in (await found("zirconium shade"))[0]
    assert (await core.library.current()).store.count() == after.chunks


async def test_a_changed_title_embeds_the_chunks_of_that_page_anew(index: Index, docs: Path) -> None:
    (docs / "colour.md").write_text("---\ntitle: Colour\n---\n\nWarm white is 2700 kelvin.\n")
    await index(docs)
    (docs / "colour.md").write_text("---\ntitle: Kelvin\n---\n\nWarm white is 2700 kelvin.\n")

    assert (await index(docs)).embedded == 1


async def test_deleted_and_renamed_files_are_gone_from_the_results(
    core: Core, index: Index, found: Found, docs: Path
) -> None:
    before = await index(docs)
    assert any("flicker" in text for text in await found("Why does the lamp flicker?"))
    (docs / "faq.md").unlink()
    (docs / "install.md").rename(docs / "setup.md")

    after = await index(docs)

    assert not any("flicker" in text for text in await found("Why does the lamp flicker?"))
    result = await core.library.search("Install Lumen with pip")
    assert result.candidates[0].chunk.path == "setup.md"
    assert "install.md" not in {one.chunk.path for one in result.candidates}
    assert after.files == before.files - 1
    assert after.deleted >= 2  # the chunks of both files; the renamed one's have new ids
    assert result.revision.store.count() == after.chunks


async def test_a_file_that_cannot_be_read_any_more_is_taken_out_and_reported(
    index: Index, found: Found, docs: Path
) -> None:
    await index(docs)
    (docs / "faq.md").write_bytes(b"\x00" * 64)

    report = await index(docs)

    assert [one.path for one in report.skipped] == ["faq.md"]
    assert not any("flicker" in text for text in await found("Why does the lamp flicker?"))


async def test_a_single_file_is_a_source_of_its_own(core: Core, index: Index, docs: Path) -> None:
    report = await index(docs / "faq.md")

    assert (report.files, report.sources) == (1, ["faq"])
    result = await core.library.search("Why does the lamp flicker?")
    assert {one.chunk.path for one in result.candidates} == {"faq.md"}


async def test_an_empty_folder_is_refused_and_the_old_index_serves_on(index: Index, found: Found, docs: Path) -> None:
    await index(docs)
    shutil.rmtree(docs / "guide")
    for name in ("index", "install", "faq"):
        (docs / f"{name}.md").unlink()

    with pytest.raises(InvalidInput, match=r"no document could be read in .*serves on"):
        await index(docs)

    assert any("flicker" in text for text in await found("Why does the lamp flicker?"))


async def test_a_folder_of_unreadable_files_is_refused_with_the_reasons(index: Index, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.md").write_text("")

    with pytest.raises(InvalidInput, match=r"a\.md: The file is empty"):
        await index(tmp_path / "new")


async def test_a_missing_folder_is_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no file or folder .*nowhere"):
        await index(tmp_path / "nowhere")


async def test_nothing_to_index_is_refused(index: Index) -> None:
    with pytest.raises(InvalidInput, match="nothing to index: name a folder"):
        await index()


async def test_a_folder_named_twice_is_indexed_once(core: Core, index: Index, docs: Path) -> None:
    report = await index(docs, docs)

    assert (report.files, report.sources) == (5, ["docs"])
    assert [source.name for source in await core.catalog.sources()] == ["docs"]
