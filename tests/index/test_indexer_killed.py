"""An indexer that is killed at any moment leaves a complete index, the old or the new one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from app.config import Settings
from app.runtime import open_core

PAGES = 66  # a store is written 64 chunks at a time
# Reads command lines, and runs each in a fork that starts without the seconds of importing.
SERVER = """
import os, sys
from app.cli import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.argv = ["docent", *line.split()]
        main()
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Indexers:
    """Starts `docent index` over and over."""

    def __init__(self, server: subprocess.Popen[str], docs: Path) -> None:
        self._docs = docs
        assert server.stdin is not None
        assert server.stdout is not None
        self._in: IO[str] = server.stdin
        self._out: IO[str] = server.stdout

    def start(self) -> int:
        """Begin a run; its process id."""
        print("index", self._docs, file=self._in, flush=True)
        return int(self._out.readline())

    def wait(self) -> int:
        """Exit code of the run, minus the signal if one ended it."""
        return int(self._out.readline())


@pytest.fixture
def indexers(settings: Settings, tmp_path: Path) -> Iterator[Indexers]:
    environment = {
        **os.environ,
        "DOCENT_DATA_DIR": str(settings.data_dir),
        "DOCENT_EMBEDDING__THREADS": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        yield Indexers(server, tmp_path / "pages")


def write_edition(docs: Path, number: int) -> None:
    """Every page says which edition it is of."""
    docs.mkdir(exist_ok=True)
    for page in range(PAGES):
        (docs / f"page{page}.md").write_text(f"# Page {page}\n\nLamp {page} stands in edition{number:03}.\n")


async def edition_served(settings: Settings) -> int:
    """The one edition that a fresh process would answer from; it is whole, or this fails."""
    async with open_core(settings) as core:
        serving = await core.catalog.serving()
        revision = await core.library.current()
        assert serving.revision is not None
        chunk_ids = [chunk_id for row in serving.documents for chunk_id in row.chunk_ids]
        assert len(serving.documents) == PAGES
        assert revision.id == serving.revision.id
        assert revision.store.count() == len(chunk_ids) == serving.revision.chunks == revision.vocabulary.chunks
        assert len(list(revision.store.points(chunk_ids))) == len(chunk_ids)
        found = (await core.library.search("Which edition does this stand in?", 100)).candidates
        assert len(found) == PAGES
        editions = {int(number) for one in found for number in re.findall(r"edition(\d+)", one.chunk.text)}
        assert len(editions) == 1
        return editions.pop()


def folders(settings: Settings) -> set[str]:
    return {path.name for path in (settings.data_dir / "index").iterdir()}


def await_new_folder(settings: Settings, prefix: str) -> None:
    """Return as soon as there is a folder in the index, named `prefix`…, that is not there now."""
    known = folders(settings)
    deadline = time.monotonic() + 60
    while not any(name.startswith(prefix) for name in folders(settings) - known):
        assert time.monotonic() < deadline


async def test_a_kill_at_any_moment_leaves_the_old_index_or_the_new_one(
    settings: Settings, indexers: Indexers, tmp_path: Path
) -> None:
    docs = tmp_path / "pages"
    write_edition(docs, 0)
    begun = time.monotonic()
    indexers.start()
    assert indexers.wait() == 0
    whole = time.monotonic() - begun
    served = await edition_served(settings)
    assert served == 0

    moments: list[float | str] = [whole * part for part in (0.3, 0.5, 0.7, 0.85, 0.95, 1.02)]
    moments += ["building-", "20"]  # as soon as this folder is made, and as soon as it has its final name
    for edition, moment in enumerate(moments, start=1):
        write_edition(docs, edition)
        process = indexers.start()
        if isinstance(moment, str):
            await_new_folder(settings, moment)
        else:
            time.sleep(moment)  # noqa: ASYNC251  (nothing else runs here)
        with suppress(ProcessLookupError):  # it was done
            os.kill(process, signal.SIGKILL)
        assert indexers.wait() in {-signal.SIGKILL, 0}
        now = await edition_served(settings)
        assert now in {served, edition}
        served = now

    last = len(moments) + 1
    write_edition(docs, last)
    indexers.start()
    assert indexers.wait() == 0
    assert await edition_served(settings) == last
    async with open_core(settings) as core:
        assert folders(settings) == set(await core.catalog.revision_ids())


def test_ctrl_c_ends_a_run_within_seconds(settings: Settings, tmp_path: Path) -> None:
    docs = tmp_path / "pages"
    docs.mkdir()
    (docs / "long.md").write_text(
        "# Long\n\n" + "\n\n".join(f"## Part {n}\n\n" + f"Word {n} glows. " * 60 for n in range(400))
    )
    with subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "index", str(docs)],
        env={**os.environ, "DOCENT_DATA_DIR": str(settings.data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  (a background job ignores it)
    ) as process:
        while not list(settings.data_dir.glob("index/building-*/shard/*")) and process.poll() is None:
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        out, err = process.communicate(timeout=120)

    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert time.monotonic() - begun < 10
