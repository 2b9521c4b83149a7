"""What goes wrong under a run: a disk that fills up, and an indexer that is killed. The old index serves on."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import IndexSettings, Settings
from app.errors import IndexRejected
from app.index.build import Progress
from app.runtime import open_core
from app.sources.specification import ReindexBody
from tests.fetching.repositories import Repository
from tests.service.serving import DOCENT, environment, until
from tests.sources.operating import LAMP, Desk, desk_of, write_folder

DISK, KEPT_FREE = 250_000_000, 50_000_000  # bytes: the model takes 25 MB, a revision 35


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Filling:
    """A report that fills the disk up from another thread, as soon as chunks are embedded."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "filling"
        self._thread = threading.Thread(target=self._fill)
        self.begun = False

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "embed" and not self.begun:
            self.begun = True
            self._thread.start()
            self._thread.join()  # the rest of the run meets a full disk

    def _fill(self) -> None:
        left = shutil.disk_usage(self._file.parent).free
        with self._file.open("wb") as file:
            file.write(b"\0" * (left - KEPT_FREE // 2))

    def empty(self) -> None:
        self._file.unlink()


async def test_a_disk_that_fills_up_while_chunks_are_embedded(settings: Settings, small_disk: Path) -> None:
    pages = write_folder(small_disk.parent / "pages")
    settings = settings.model_copy(
        update={"data_dir": small_disk / "data", "index": IndexSettings(min_free_bytes=KEPT_FREE)}
    )
    async with open_core(settings) as core:
        desk = desk_of(core)
        await desk.add("house", pages)
        first = await desk.run()
        (pages / "torch.md").write_text("# Torch\n\nThe torch takes two batteries.\n")
        filling = Filling(small_disk)

        with pytest.raises(IndexRejected, match=r"has 2\d MB left, and DOCENT_INDEX__MIN_FREE_BYTES keeps 50 free"):
            await desk.reindexing.run(ReindexBody(full=True), filling)

        assert filling.begun
        await _serves(desk, first.revision)
        assert "make room" in await desk.error("house")
        with pytest.raises(IndexRejected, match="make room"):  # at the start, too
            await desk.run()
        await _serves(desk, first.revision)
        filling.empty()
        assert (await desk.run()).embedded == 1
        assert "house/torch.md" in await desk.found("batteries of the torch")


async def _serves(desk: Desk, revision: str) -> None:
    """Nothing but the revision is left on disk, and it answers."""
    assert await desk.serving() == revision
    assert {folder.name for folder in (desk.core.settings.data_dir / "index").iterdir()} == {revision}
    assert await desk.found("brass lever") == {"house/lamp.md", "house/kettle.md", "house/clock.md"}


async def test_a_killed_run_is_followed_by_a_whole_one(desk: Desk, settings: Settings, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("lamp.md", LAMP)
    repository.commit()
    await desk.add("git", repository.folder, kind="git")
    first = await desk.run()
    for number in range(40):
        repository.write(f"new{number}.md", f"# New {number}\n\nThe abacus counts to {number}.\n")
    repository.commit()

    killed = await asyncio.to_thread(_kill_while_building, settings.data_dir)

    assert killed == -signal.SIGKILL
    assert await desk.serving() == first.revision
    assert await desk.found("brass lever") == {"git/lamp.md"}
    again = await desk.run()
    assert (again.files, again.embedded) == (41, 40)
    assert {folder.name for folder in (settings.data_dir / "index").iterdir()} == {first.revision, again.revision}
    assert (await desk.core.library.current()).store.count() == again.chunks


def _kill_while_building(data_dir: Path) -> int:
    """The exit code of a `docent reindex` that is killed while it writes a revision."""
    with subprocess.Popen(
        [*DOCENT, "reindex"], env=environment(data_dir, EMBEDDING__THREADS="1"), cwd=data_dir.parent
    ) as process:
        until(lambda: process.poll() is not None or bool(list(data_dir.glob("index/building-*/shard"))))
        process.kill()
    return process.returncode
