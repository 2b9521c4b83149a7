"""Back to an earlier revision: at once, and for as long as nobody asks for a run."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from app.errors import DocentError, IndexMissing, IndexRejected, InvalidInput, NotFound
from app.fetching import Fetched, fetch
from app.index.build import Progress
from app.jobs.precedence import Precedence
from app.jobs.work import JobRun
from app.sources import reindexing
from app.sources.jobs import REINDEX, SYNC, UNLESS_HELD, IndexJobs
from app.sources.specification import ReindexBody
from tests.fetching.repositories import Repository
from tests.sources.operating import Desk, write_folder

QUESTION = "Which edition is this?"


@pytest.fixture
async def repository(desk: Desk, tmp_path: Path) -> Repository:
    """A git source of two pages, indexed in its first edition."""
    made = Repository(tmp_path / "repository")
    write_edition(made, "one")
    await desk.add("git", made.folder, kind="git")
    await desk.run()
    return made


def write_edition(repository: Repository, edition: str) -> None:
    repository.write("page.md", f"# Page\n\nThis page is of edition {edition}.\n")
    repository.write("other.md", "# Other\n\nThis one is the same in each edition.\n")
    repository.commit()


async def edition(desk: Desk) -> str:
    texts = [one.chunk.text for one in (await desk.core.library.search(QUESTION)).candidates]
    (found,) = {text.split("of edition ")[1].split(".")[0] for text in texts if "of edition " in text}
    return found


def jobs_of(desk: Desk) -> IndexJobs:
    core = desk.core
    return IndexJobs(core.database, core.catalog, core.indexer, desk.reindexing, Precedence(0), 0)


def asked_by(kind: str) -> JobRun:
    """A job as a schedule or a push queues it."""
    held = {UNLESS_HELD: True} if kind == REINDEX else {}
    return JobRun("job_1", 1, "git", {"sources": ["git"], **held})


async def test_the_earlier_revision_serves_at_once(desk: Desk, repository: Repository) -> None:
    first = await desk.serving()
    write_edition(repository, "two")
    second = (await desk.run()).revision
    assert await edition(desk) == "two"

    back = await desk.revisions.rollback(None)

    assert (back.id, back.serves, back.available) == (first, True, True)
    assert await edition(desk) == "one"
    assert [(one.id, one.serves) for one in await desk.revisions.list()] == [(second, False), (first, True)]
    assert (await desk.revisions.rollback(second)).id == second
    assert await edition(desk) == "two"


async def test_it_holds_until_somebody_asks_for_a_run(desk: Desk, repository: Repository) -> None:
    """The run reads what the held revision lacks, though a later one had it."""
    first = await desk.serving()
    write_edition(repository, "two")
    await desk.run()
    await desk.revisions.rollback(None)
    jobs = jobs_of(desk)

    assert (await jobs.sync(asked_by(SYNC))).keys() == {"left_out"}
    assert (await jobs.reindex(asked_by(REINDEX))).keys() == {"left_out"}
    assert (await desk.serving(), await edition(desk)) == (first, "one")

    report = await desk.run()
    assert (report.embedded, report.unchanged) == (1, 1)
    assert await edition(desk) == "two"
    write_edition(repository, "three")
    assert (await jobs.sync(asked_by(SYNC)))["embedded"] == 1
    assert await edition(desk) == "three"


async def test_a_run_that_changes_nothing_releases_it_too(desk: Desk, repository: Repository) -> None:
    write_edition(repository, "two")
    await desk.run()
    await desk.revisions.rollback(None)
    write_edition(repository, "one")
    assert (await desk.run()).embedded == 0
    write_edition(repository, "four")

    assert (await jobs_of(desk).sync(asked_by(SYNC)))["embedded"] == 1


async def test_a_dry_run_and_a_refused_one_leave_it_held(desk: Desk, repository: Repository) -> None:
    first = await desk.serving()
    write_edition(repository, "two")
    await desk.run()
    await desk.revisions.rollback(None)
    dry = await desk.run(dry_run=True)
    assert dry.dry_run is not None
    assert [one.path for one in dry.dry_run.changed] == ["page.md"]
    shutil.rmtree(repository.folder)
    with pytest.raises(DocentError):
        await desk.run()

    assert (await jobs_of(desk).sync(asked_by(SYNC))).keys() == {"left_out"}
    assert await desk.serving() == first


async def test_a_run_that_is_going_on_does_not_take_it_away(desk: Desk, repository: Repository) -> None:
    first = await desk.serving()
    write_edition(repository, "two")
    await desk.run()
    write_edition(repository, "three")
    reading, go_on = threading.Event(), threading.Event()

    def hold_up(progress: Progress) -> None:
        if progress.phase == "embed":
            reading.set()
            assert go_on.wait(30)

    running = asyncio.ensure_future(desk.reindexing.run(ReindexBody(sources=["git"]), hold_up))
    await asyncio.to_thread(reading.wait, 30)
    await desk.revisions.rollback(None)
    go_on.set()
    with pytest.raises(IndexRejected, match="another revision was put into service"):
        await running

    assert (await desk.serving(), await edition(desk)) == (first, "one")
    assert await desk.core.catalog.is_held()


async def test_a_run_that_is_going_on_and_finds_nothing_does_not_release_it(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    pages = write_folder(tmp_path / "pages")
    await desk.add("house", pages)
    first = (await desk.run("house")).revision
    write_edition(repository, "two")
    await desk.run("git")
    reading, go_on = threading.Event(), threading.Event()

    def hold_up(_: Progress) -> None:
        reading.set()
        assert go_on.wait(30)

    running = asyncio.ensure_future(desk.reindexing.run(ReindexBody(sources=["house"]), hold_up))
    await asyncio.to_thread(reading.wait, 30)
    assert (await desk.revisions.rollback(None)).id == first
    go_on.set()

    assert (await running).embedded == 0
    assert (await desk.serving(), await desk.core.catalog.is_held()) == (first, True)
    assert (await desk.run("git")).embedded == 1  # its state is still that of the held revision


async def test_a_revision_whose_files_are_gone_cannot_serve(desk: Desk, repository: Repository) -> None:
    first = await desk.serving()
    write_edition(repository, "two")
    second = (await desk.run()).revision
    shutil.rmtree(desk.core.settings.data_dir / "index" / first)

    assert [one.available for one in await desk.revisions.list()] == [True, False]
    with pytest.raises(IndexMissing, match=f"{first} are gone"):
        await desk.revisions.rollback(None)
    assert await desk.serving() == second
    assert not await desk.core.catalog.is_held()


async def test_there_is_nothing_before_the_first(desk: Desk, repository: Repository) -> None:
    assert repository.folder.is_dir()
    with pytest.raises(NotFound, match="no revision before the serving one"):
        await desk.revisions.rollback(None)
    with pytest.raises(NotFound, match="no revision 20200101-000000-abcdef"):
        await desk.revisions.rollback("20200101-000000-abcdef")


@pytest.fixture
def rolling_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next fetch ends with a rollback, as an operator's may come at any moment of it."""
    loop = asyncio.get_running_loop()

    def fetch_and_roll_back(*arguments: Any) -> Fetched:
        fetched = fetch(*arguments)
        asyncio.run_coroutine_threadsafe(desk.revisions.rollback(None), loop).result(30)
        monkeypatch.undo()
        return fetched

    monkeypatch.setattr(reindexing, "fetch", fetch_and_roll_back)


async def test_a_rollback_during_the_fetch_of_an_asked_for_run(
    desk: Desk, repository: Repository, request: pytest.FixtureRequest
) -> None:
    """What the fetch took for unchanged is so in the revision that served then, and not in this one."""
    write_edition(repository, "two")
    await desk.run()
    request.getfixturevalue("rolling_back")

    assert (await desk.run()).unchanged == 1

    assert await edition(desk) == "two"
    write_edition(repository, "three")
    await desk.run()
    assert await edition(desk) == "three"


async def test_a_rollback_during_the_fetch_of_a_scheduled_run(
    desk: Desk, repository: Repository, request: pytest.FixtureRequest
) -> None:
    first = await desk.serving()
    write_edition(repository, "two")
    await desk.run()
    write_edition(repository, "three")
    request.getfixturevalue("rolling_back")

    left_out = await jobs_of(desk).sync(asked_by(SYNC))

    assert f"revision {first} is held since a rollback" in left_out["left_out"]
    assert await desk.serving() == first
    assert [one.held for one in await desk.revisions.list()] == [False, True]


@pytest.mark.usefixtures("repository")
async def test_a_source_that_is_made_anew_during_its_fetch(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched of the old place is not taken for the new one's."""
    loop = asyncio.get_running_loop()
    pages = write_folder(tmp_path / "pages")

    async def make_anew() -> None:
        await desk.reindexing.remove("git", lambda _: None)
        await desk.add("git", pages)

    def fetch_meanwhile(*arguments: Any) -> Fetched:
        fetched = fetch(*arguments)
        monkeypatch.undo()
        asyncio.run_coroutine_threadsafe(make_anew(), loop).result(60)
        return fetched

    monkeypatch.setattr(reindexing, "fetch", fetch_meanwhile)
    with pytest.raises(InvalidInput, match="deleted or changed meanwhile"):
        await desk.run()

    assert (await desk.run()).files == 3
