"""Fetches that are stopped, killed, or run out of disk: the next one goes well."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.fetching import FetchFailed, FetchProgress, FetchSettings, Origin, fetch
from tests.fetching.conftest import silent
from tests.fetching.repositories import Repository
from tests.fetching.site import Site, html, linked

# Fetches, and hangs at the given report, so that it can be killed there.
_CHILD = """
import json, sys, time
from pathlib import Path
from app.fetching import FetchSettings, Origin, fetch
kind, location, folder, state, stop = sys.argv[1:]
seen = 0
def report(progress):
    global seen
    seen += 1
    if seen == int(stop):
        print("there", flush=True)
        time.sleep(60)
fetch(Origin(kind, location), Path(folder), json.loads(state), FetchSettings(requests_per_second=1000), report)
print("done", flush=True)
"""


class _Stopped(Exception):
    pass


@pytest.fixture
def origin(site: Site) -> Origin:
    site.page("/docs/", linked(*(f"page-{number}" for number in range(6))))
    for number in range(6):
        site.page(f"/docs/page-{number}", html(f"<p>First {number}.</p>"))
    return Origin("website", f"{site.url}/docs/")


@pytest.fixture
def docs(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "upstream")
    for number in range(300):
        repository.write(f"docs/{number}.md", f"# Page {number}\n" * 40)
    repository.commit()
    return repository


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs rights that this user has not")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def kill_at(origin: Origin, folder: Path, state: dict[str, object], report: int) -> None:
    words = [sys.executable, "-c", _CHILD, origin.kind, origin.location, str(folder), json.dumps(state), str(report)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        child.kill()


def test_a_report_that_raises_stops_a_crawl_and_changes_nothing(
    site: Site, origin: Origin, tmp_path: Path, quick: FetchSettings
) -> None:
    first = fetch(origin, tmp_path / "source", {}, quick, silent)
    before = {path.name: path.read_bytes() for path in first.root.rglob("*.html")}
    for number in range(6):
        site.page(f"/docs/page-{number}", html(f"<p>Second {number}.</p>"))

    def stop(progress: FetchProgress) -> None:
        if progress.done == 4:
            raise _Stopped

    with pytest.raises(_Stopped):
        fetch(origin, tmp_path / "source", first.state, quick, stop)
    assert {path.name: path.read_bytes() for path in first.root.rglob("*.html")} == before
    assert [path.name for path in (tmp_path / "source").iterdir()] == ["pages"]
    assert len(fetch(origin, tmp_path / "source", first.state, quick, silent).changed or ()) == 6


@pytest.mark.parametrize("report", [1, 4])
def test_a_killed_crawl_is_followed_by_a_good_one(
    site: Site, origin: Origin, tmp_path: Path, quick: FetchSettings, report: int
) -> None:
    folder = tmp_path / "source"
    first = fetch(origin, folder, {}, quick, silent)
    site.page("/docs/page-0", html("<p>Second 0.</p>"))
    kill_at(origin, folder, first.state, report)
    assert b"First 0." in (first.root / "docs/page-0.html").read_bytes()
    done = fetch(origin, folder, first.state, quick, silent)
    assert done.changed == {"docs/page-0.html"}
    assert len(list(done.root.rglob("*.html"))) == 7


def test_a_crawl_killed_while_it_puts_its_pages_in_place(
    site: Site, origin: Origin, tmp_path: Path, quick: FetchSettings
) -> None:
    folder = tmp_path / "source"
    first = fetch(origin, folder, {}, quick, silent)
    (folder / "pages").rename(folder / "pages.old")
    (folder / "pages.new").mkdir()
    site.fails("/docs/page-3", 500)
    done = fetch(origin, folder, first.state, quick, silent)
    assert b"First 3." in (done.root / "docs/page-3.html").read_bytes()
    assert [path.name for path in folder.iterdir()] == ["pages"]


def test_pages_that_were_damaged_on_disk_are_fetched_again(
    site: Site, origin: Origin, tmp_path: Path, quick: FetchSettings
) -> None:
    first = fetch(origin, tmp_path / "source", {}, quick, silent)
    (first.root / "docs/page-1.html").write_bytes(b"")
    (first.root / "docs/page-2.html").unlink()
    site.fails("/docs/page-2", 500)
    done = fetch(origin, tmp_path / "source", first.state, quick, silent)
    assert b"First 1." in (done.root / "docs/page-1.html").read_bytes()
    assert (done.changed, done.unreachable) == (frozenset(), {"docs/page-2.html"})
    assert "docs/page-2.html" not in done.urls
    site.page("/docs/page-2", html("<p>First 2.</p>"))
    assert fetch(origin, tmp_path / "source", done.state, quick, silent).changed == frozenset()


@pytest.mark.parametrize("report", [1, 2])  # git tells of more only where it is slow
def test_a_killed_clone_is_followed_by_a_good_one(
    docs: Repository, tmp_path: Path, quick: FetchSettings, report: int
) -> None:
    origin, folder = Origin("git", str(docs.folder)), tmp_path / "source"
    kill_at(origin, folder, {}, report)
    first = fetch(origin, folder, {}, quick, silent)
    assert len(list(first.root.rglob("*.md"))) == 300
    docs.write("docs/0.md", "# Changed\n" * 50)
    docs.commit()
    kill_at(origin, folder, first.state, report)
    assert (first.root / "docs/0.md").read_text().startswith("# Page 0")
    done = fetch(origin, folder, first.state, quick, silent)
    assert done.changed == {"docs/0.md"}
    assert (done.root / "docs/0.md").read_text().startswith("# Changed")


def test_a_report_that_raises_stops_git(docs: Repository, tmp_path: Path, quick: FetchSettings) -> None:
    def stop(_: FetchProgress) -> None:
        raise _Stopped

    origin = Origin("git", str(docs.folder))
    with pytest.raises(_Stopped):
        fetch(origin, tmp_path / "source", {}, quick, stop)
    assert len(list(fetch(origin, tmp_path / "source", {}, quick, silent).root.rglob("*.md"))) == 300


def test_a_disk_that_fills_up_during_a_crawl(
    site: Site, origin: Origin, small_disk: Path, quick: FetchSettings
) -> None:
    first = fetch(origin, small_disk / "source", {}, quick, silent)
    for number in range(6):
        site.page(f"/docs/page-{number}", html("<p>" + "Large. " * 40_000))
    with pytest.raises(FetchFailed, match=r"no space is left for .*: free some"):
        fetch(origin, small_disk / "source", first.state, quick, silent)
    assert b"First 5." in (first.root / "docs/page-5.html").read_bytes()
    assert [path.name for path in (small_disk / "source").iterdir()] == ["pages"]
    for number in range(6):
        site.page(f"/docs/page-{number}", html(f"<p>Third {number}.</p>"))
    assert len(fetch(origin, small_disk / "source", first.state, quick, silent).changed or ()) == 6


@pytest.mark.parametrize("compressible", [False, True], ids=["objects", "files"])
def test_a_disk_that_fills_up_during_a_clone(
    docs: Repository, small_disk: Path, quick: FetchSettings, compressible: bool
) -> None:
    shutil.rmtree(docs.folder / "docs")
    docs.write("docs/start.md", "# Start\n")
    docs.commit()
    origin = Origin("git", str(docs.folder))
    first = fetch(origin, small_disk / "source", {}, quick, silent)
    docs.write("docs/large.md", "Large. " * 400_000 if compressible else os.urandom(1_000_000).hex())
    docs.commit()
    with pytest.raises(FetchFailed, match=r"no space is left for .*: free some"):
        fetch(origin, small_disk / "source", first.state, quick, silent)
    assert (first.root / "docs/start.md").read_text() == "# Start\n"
    (docs.folder / "docs/large.md").unlink()
    docs.write("docs/small.md", "# Small\n")
    docs.commit()
    done = fetch(origin, small_disk / "source", first.state, quick, silent)
    assert done.changed == {"docs/small.md"}
