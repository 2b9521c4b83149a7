"""Runs over sources: the guard, probe questions, what is kept, what is gone, and sources that fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import IndexRejected, InvalidInput, NotFound
from app.index.comparison import Comparison
from app.sources.reindexing import NothingFetched
from app.sources.specification import SourceChange
from tests.fetching.repositories import Repository
from tests.sources.operating import CLOCK, LAMP, PAGES, Desk, write_folder

LEVER, WATER, CLOCK_KEY = "brass lever of the lamp", "boil a litre of water", "wind the clock with its key"


async def test_a_deleted_page_is_answered_no_more(desk: Desk, pages: Path) -> None:
    await desk.add("house", pages)
    first = await desk.run()
    assert (first.files, first.embedded, first.sources) == (3, 3, ["house"])
    assert "house/kettle.md" in await desk.found(WATER)

    (pages / "kettle.md").unlink()
    second = await desk.run("house")

    assert (second.files, second.embedded, second.unchanged, second.deleted) == (2, 0, 2, 1)
    assert "house/kettle.md" not in await desk.found(WATER)
    assert (await desk.registry.get("house")).documents == 2


async def test_more_than_the_share_is_deleted_by_force_only(desk: Desk, pages: Path) -> None:
    await desk.add("house", pages)
    first = await desk.run()
    (pages / "kettle.md").unlink()
    (pages / "lamp.md").unlink()

    with pytest.raises(IndexRejected, match=r"2 of the 3 documents of house would be deleted, .*MAX_DELETED_SHARE"):
        await desk.run()
    assert await desk.serving() == first.revision
    assert "house/lamp.md" in await desk.found(LEVER)
    assert "2 of the 3 documents" in await desk.error("house")

    forced = await desk.run(force=True)
    assert (forced.files, forced.deleted) == (1, 2)
    assert await desk.found(LEVER) == {"house/clock.md"}
    assert await desk.error("house") == ""


async def test_an_emptied_folder_is_refused_even_by_force(desk: Desk, pages: Path) -> None:
    await desk.add("house", pages)
    first = await desk.run()
    for name in PAGES:
        (pages / name).unlink()

    for force in (False, True):
        with pytest.raises(InvalidInput, match=r"no document could be read in .*what was indexed before serves on"):
            await desk.run(force=force)
    assert await desk.serving() == first.revision
    assert len(await desk.found(LEVER)) == 3


async def test_what_cannot_be_read_this_time_keeps_its_old_version(
    desk: Desk, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read whatever its rights are, so the refusal is made here."""
    await desk.add("house", pages)
    await desk.run()
    (pages / "kettle.md").write_text("# Kettle\n\nIt was written anew.\n")
    (pages / "clock.md").write_text(CLOCK + "\nIt chimes at noon.\n")
    really = os.open

    def refuse(path: str, *more: object, **options: object) -> int:
        if str(path).endswith("kettle.md"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *more, **options)  # type: ignore[arg-type]

    read_bytes = Path.read_bytes

    def refuse_bytes(path: Path) -> bytes:
        if path.name == "kettle.md":
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        patch.setattr(Path, "read_bytes", refuse_bytes)
        report = await desk.run()

    assert [(one.source, one.path) for one in report.skipped] == [("house", "kettle.md")]
    assert report.skipped[0].reason
    assert (report.files, report.embedded) == (3, 1)
    texts = [one.chunk.text for one in (await desk.core.library.search(WATER)).candidates]
    assert any("a litre of water" in text for text in texts)
    assert any("chimes at noon" in text for text in texts)
    assert (await desk.run()).embedded == 1


async def test_a_probe_question_that_finds_its_page_no_more_refuses_the_run(desk: Desk, pages: Path) -> None:
    await desk.add("house", pages, probes=[{"question": "How does the lamp go on?", "path": "lamp.md"}])
    first = await desk.run()
    (pages / "lamp.md").rename(pages / "torch.md")

    with pytest.raises(IndexRejected, match=r"probe question 'How does the lamp go on\?' would not find lamp.md"):
        await desk.run()
    assert await desk.serving() == first.revision
    folders = {folder.name for folder in (desk.core.settings.data_dir / "index").iterdir()}
    assert folders == {first.revision}

    assert (await desk.run(force=True)).revision != first.revision


async def test_one_source_that_fails_does_not_stop_the_others(desk: Desk, pages: Path, tmp_path: Path) -> None:
    """Not even where it has probe questions, and was never read."""
    probe = [{"question": "Where is it?", "path": "where.md"}]
    await desk.add("gone", tmp_path / "nowhere", kind="git", probes=probe)
    await desk.add("house", pages)

    report = await desk.run()

    assert report.sources == ["house"]
    assert [one.source for one in report.failed_sources] == ["gone"]
    assert "there is no repository" in report.failed_sources[0].reason
    assert await desk.error("gone") == report.failed_sources[0].reason
    assert await desk.error("house") == ""
    assert "house/lamp.md" in await desk.found(LEVER)


async def test_one_source_that_is_refused_does_not_stop_the_others(desk: Desk, pages: Path, tmp_path: Path) -> None:
    emptied, shrunk = tmp_path / "emptied", tmp_path / "shrunk"
    for folder in (emptied, shrunk):
        folder.mkdir()
        for number in range(3):
            (folder / f"page{number}.md").write_text(f"# Page {number}\n\nThe {folder.name} shelf holds {number}.\n")
        await desk.add(folder.name, folder)
    await desk.add("house", pages)
    await desk.run()
    for gone in [*emptied.iterdir(), *list(shrunk.iterdir())[:2]]:
        gone.unlink()
    (pages / "lamp.md").write_text(LAMP + "\nIt glows green.\n")

    report = await desk.run()

    assert report.sources == ["house"]
    failed = {one.source: one.reason for one in report.failed_sources}
    assert failed.keys() == {"emptied", "shrunk"}
    assert "no document could be read" in failed["emptied"]
    assert "2 of the 3 documents of shrunk would be deleted" in failed["shrunk"]
    assert await desk.error("shrunk") == failed["shrunk"]
    assert await desk.error("house") == ""
    found = (await desk.core.library.search("What colour does the lamp glow?")).candidates
    assert any("It glows green" in one.chunk.text for one in found)


@pytest.mark.parametrize("harm", ["emptied", "gone"])
async def test_a_dry_run_breaks_where_one_of_several_sources_is_not_to_be_had(
    desk: Desk, pages: Path, tmp_path: Path, harm: str
) -> None:
    other = write_folder(tmp_path / "other")
    await desk.add("house", pages)
    await desk.add("other", other)
    await desk.run()
    assert (await desk.run(dry_run=True)).dry_run == Comparison()
    for page in other.iterdir():
        page.unlink()
    if harm == "gone":
        other.rmdir()

    report = await desk.run(dry_run=True)

    assert report.dry_run is not None
    assert report.dry_run.breaks
    (refused,) = report.dry_run.refused
    assert refused.startswith("other: ")
    assert [one.source for one in report.failed_sources] == ["other"]


async def test_an_edited_page_counts_as_changed_and_not_as_deleted(desk: Desk, pages: Path) -> None:
    await desk.add("house", pages)
    await desk.run()
    (pages / "lamp.md").write_text(LAMP + "\nIt glows green.\n")

    report = await desk.run()

    assert (report.embedded, report.unchanged, report.deleted) == (1, 2, 0)


async def test_pages_of_two_versions_are_found_in_one_order_whatever_was_built_last(desk: Desk, tmp_path: Path) -> None:
    page = "# Page {0}\n\nIntroduction to widget {0}.\n\n## Install part {0}\n\nRun setup and wait {0} minutes.\n"
    for version in ("v1", "v2"):
        folder = write_folder(
            tmp_path / version, {f"p{number}.md": page.format(number) for number in range(1, 5)} | {"o.md": LAMP}
        )
        probes = [{"question": "How do I install part 1?", "path": "p1.md"}]
        await desk.add(version, folder, probes=probes)
    await desk.run()
    (tmp_path / "v1" / "o.md").write_text(LAMP + "\nIt glows green.\n")

    for options in ({"full": True}, {}):
        compared = (await desk.run("v1", dry_run=True, **options)).dry_run
        assert compared is not None
        assert (compared.probes, compared.breaks) == ([], False)


async def test_a_source_that_fails_keeps_what_is_indexed_of_it(desk: Desk, pages: Path, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("torch.md", "# Torch\n\nThe torch needs two batteries.\n")
    repository.commit()
    await desk.add("git", repository.folder, kind="git")
    await desk.add("house", pages)
    await desk.run()
    repository.folder.rename(tmp_path / "away")
    (pages / "lamp.md").write_text(LAMP + "\nIt glows green.\n")

    report = await desk.run()

    assert [one.source for one in report.failed_sources] == ["git"]
    assert report.embedded == 1
    assert "git/torch.md" in await desk.found("two batteries")
    (tmp_path / "away").rename(repository.folder)
    assert (await desk.run()).failed_sources == []
    assert await desk.error("git") == ""


async def test_where_all_fail_the_run_does(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no source yet"):
        await desk.run()
    await desk.add("gone", tmp_path / "nowhere")
    with pytest.raises(NothingFetched, match="gone: there is no folder"):
        await desk.run()
    with pytest.raises(NotFound, match=r"no source named nobody \(there are: gone\)"):
        await desk.run("nobody")


async def test_a_git_source_is_read_by_its_changed_paths(desk: Desk, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    for number in range(4):
        repository.write(f"docs/page{number}.md", f"# Page {number}\n\nPage {number} is about glow{number}.\n")
    repository.write("other.md", "# Other\n\nNot of the docs.\n")
    repository.commit()
    await desk.add("git", repository.folder, kind="git", subfolder="docs", exclude=["page3.md"])
    assert (await desk.run()).files == 3
    repository.git("mv", "docs/page0.md", "docs/moved.md")
    repository.write("docs/page1.md", "# Page 1\n\nPage 1 is about zircon.\n")
    repository.commit()

    report = await desk.run()

    assert (report.files, report.embedded, report.unchanged, report.deleted) == (3, 2, 1, 1)
    assert {"git/moved.md", "git/page1.md"} <= await desk.found("zircon")
    assert (await desk.run()).revision == report.revision


async def test_other_patterns_take_effect_with_the_next_run(desk: Desk, tmp_path: Path, pages: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("a.md", "# A\n\nAmber.\n")
    repository.write("b.md", "# B\n\nBronze.\n")
    repository.commit()
    await desk.add("git", repository.folder, kind="git")
    await desk.add("house", pages)
    await desk.run()
    await desk.registry.update("git", SourceChange(exclude=["b.md"]))

    assert (await desk.run()).deleted == 1
    assert "git/b.md" not in await desk.found("Bronze")
    await desk.registry.update("git", SourceChange(exclude=[]))
    assert (await desk.run()).embedded == 1
    assert "git/b.md" in await desk.found("Bronze")
