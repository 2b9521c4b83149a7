from __future__ import annotations

import os
import shutil
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.fetching import FetchFailed, FetchProgress, FetchSettings, Origin, fetch, probe
from tests.fetching.backend import git_backend
from tests.fetching.conftest import Fetch, silent
from tests.fetching.repositories import Repository
from tests.fetching.site import Site


@pytest.fixture
def docs(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "upstream")
    repository.write("README.md", "# Product\n")
    repository.write("docs/start.md", "# Start\n")
    repository.write("docs/guides/run.md", "# Run\n")
    repository.write("src/big.bin", "x" * 10_000)
    repository.commit()
    return repository


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_sync_goes_by_the_changed_paths(docs: Repository, fetched: Fetch) -> None:
    origin = Origin("git", str(docs.folder))
    first = fetched(origin)
    assert names(first.root) == ["README.md", "docs/guides/run.md", "docs/start.md", "src/big.bin"]
    assert first.changed is None
    assert fetched(origin).changed == frozenset()
    docs.write("docs/start.md", "# Start here\n")
    docs.write("docs/ünter.md", "# Under\n")
    docs.git("mv", "docs/guides/run.md", "docs/guides/walk.md")
    (docs.folder / "README.md").unlink()
    docs.commit()
    second = fetched(origin)
    assert second.changed == {
        "README.md", "docs/start.md", "docs/ünter.md", "docs/guides/run.md", "docs/guides/walk.md",
    }  # fmt: skip
    assert names(second.root) == ["docs/guides/walk.md", "docs/start.md", "docs/ünter.md", "src/big.bin"]
    assert (second.root / "docs/start.md").read_text() == "# Start here\n"
    assert second.state["commit"] == docs.git("rev-parse", "HEAD")


def test_changes_are_counted_from_the_state_that_is_handed_in(
    docs: Repository, tmp_path: Path, quick: FetchSettings
) -> None:
    origin = Origin("git", str(docs.folder))
    folder = tmp_path / "source"
    served = fetch(origin, folder, {}, quick, silent).state
    for number in range(3):  # three syncs whose index does not come to serve
        docs.write(f"docs/{number}.md", "# New\n")
        docs.commit()
        done = fetch(origin, folder, served, quick, silent)
    assert done.changed == {"docs/0.md", "docs/1.md", "docs/2.md"}


def test_a_subfolder_is_fetched_alone(docs: Repository, fetched: Fetch) -> None:
    docs.git("config", "uploadpack.allowFilter", "true")
    origin = Origin("git", f"file://{docs.folder}", subfolder="/docs/")
    first = fetched(origin)
    assert names(first.root) == ["guides/run.md", "start.md"]
    objects = first.root.parent.parent / "repository.git" / "objects"
    assert docs.git("rev-parse", "HEAD:src/big.bin") not in _objects(docs, objects)
    docs.write("docs/start.md", "# Start again\n")
    docs.write("src/big.bin", "y")
    docs.commit()
    assert fetched(origin).changed == {"start.md"}
    with pytest.raises(FetchFailed, match=r"no folder manual: name one that it has \(at its top: docs, src\)"):
        fetched(Origin("git", str(docs.folder), subfolder="manual"))
    with pytest.raises(FetchFailed, match="is a file"):
        fetched(Origin("git", str(docs.folder), subfolder="docs/start.md"))
    with pytest.raises(FetchFailed, match="no folder of a repository"):
        fetched(Origin("git", str(docs.folder), subfolder="docs/../../etc"))


def _objects(docs: Repository, objects: Path) -> str:
    return docs.git(f"--git-dir={objects.parent}", "cat-file", "--batch-all-objects", "--batch-check", "--unordered")


def test_another_subfolder_or_branch_is_another_tree(docs: Repository, fetched: Fetch) -> None:
    docs.git("checkout", "--quiet", "-b", "v2")
    docs.write("docs/start.md", "# Start of 2\n")
    docs.commit()
    docs.git("checkout", "--quiet", "main")
    fetched(Origin("git", str(docs.folder)))
    assert fetched(Origin("git", str(docs.folder), branch="v2")).changed == {"docs/start.md"}
    assert fetched(Origin("git", str(docs.folder), branch="v2", subfolder="docs")).changed is None
    with pytest.raises(FetchFailed, match=r"has no branch v3: name one that it has \(main, v2\)"):
        fetched(Origin("git", str(docs.folder), branch="v3"))
    for hostile in ("--upload-pack=touch x", "../main", "main:refs/heads/x", "*"):
        with pytest.raises(FetchFailed, match="has no branch"):
            fetched(Origin("git", str(docs.folder), branch=hostile))


def test_a_force_pushed_branch_is_followed(docs: Repository, fetched: Fetch, tmp_path: Path) -> None:
    origin = Origin("git", str(docs.folder))
    docs.write("docs/oops.md", "# Oops\n")
    docs.commit()
    fetched(origin)
    docs.git("reset", "--quiet", "--hard", "HEAD~1")
    docs.write("docs/start.md", "# Rewritten\n")
    docs.commit("--amend")
    docs.git("reflog", "expire", "--expire=now", "--all")
    docs.git("gc", "--quiet", "--prune=now")
    second = fetched(origin)
    assert second.changed == {"docs/oops.md", "docs/start.md"}
    assert "docs/oops.md" not in names(second.root)
    shutil.rmtree(tmp_path / "source")  # the old commit is had nowhere any more
    docs.write("docs/start.md", "# Rewritten again\n")
    docs.commit("--amend")
    docs.git("reflog", "expire", "--expire=now", "--all")
    docs.git("gc", "--quiet", "--prune=now")
    assert fetched(origin).changed is None


@pytest.mark.parametrize("broken", ["HEAD", "objects", "config", "refs", "locks"])
def test_a_broken_clone_is_made_anew(docs: Repository, fetched: Fetch, tmp_path: Path, broken: str) -> None:
    origin = Origin("git", str(docs.folder))
    fetched(origin)
    clone = tmp_path / "source" / "repository.git"
    if broken == "locks":
        for name in ("shallow.lock", "config.lock", "refs/docent/head.lock"):
            (clone / name).touch()
    elif (clone / broken).is_dir():
        for file in [path for path in (clone / broken).rglob("*") if path.is_file()]:
            file.chmod(0o600)
            file.write_bytes(b"\0garbage")
    else:
        (clone / broken).write_bytes(b"\0garbage")
    docs.write("docs/start.md", "# Start here\n")
    docs.commit()
    done = fetched(origin)
    assert (done.root / "docs/start.md").read_text() == "# Start here\n"
    assert done.changed in (None, {"docs/start.md"})


def test_an_unchanged_repository_whose_files_are_gone_is_checked_out_again(
    docs: Repository, fetched: Fetch, tmp_path: Path
) -> None:
    origin = Origin("git", str(docs.folder))
    fetched(origin)
    shutil.rmtree(tmp_path / "source" / "checkout")
    done = fetched(origin)
    assert done.changed == frozenset()
    assert len(names(done.root)) == 4


@pytest.mark.parametrize(
    "location",
    [
        "--upload-pack=touch /tmp/x", "-oProxyCommand=x", "ext::sh -c 'touch {made}'", "fd::17", "git://example.org/x",
        "ssh://-oProxyCommand=touch${{IFS}}{made}/x", "http://", "ftp://example.org/x", "", "/no/such/folder",
        "transport::http://example.org", "https://[::1/x", "a\nb", "-x@host:path",
    ],
)  # fmt: skip
def test_hostile_locations_are_refused(fetched: Fetch, tmp_path: Path, location: str) -> None:
    made = tmp_path / "made"
    with pytest.raises(FetchFailed):
        fetched(Origin("git", location.format(made=made)))
    assert not made.exists()


def test_a_repository_without_commits_and_a_folder_without_one(fetched: Fetch, tmp_path: Path) -> None:
    Repository(tmp_path / "empty")
    with pytest.raises(FetchFailed, match="has no commits yet"):
        fetched(Origin("git", str(tmp_path / "empty")))
    (tmp_path / "plain").mkdir()
    with pytest.raises(FetchFailed, match="there is no repository"):
        fetched(Origin("git", str(tmp_path / "plain")))


def test_hooks_and_submodules_are_left_alone(docs: Repository, fetched: Fetch, tmp_path: Path) -> None:
    made = tmp_path / "made"
    inner = Repository(tmp_path / "inner")
    inner.write("inner.md", "# Inner\n")
    inner.commit()
    docs.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "vendored")
    (docs.folder / "docs" / "link.md").symlink_to("/etc/passwd")
    docs.commit()
    for name in ("post-checkout", "reference-transaction", "post-upload-pack"):
        hook = docs.folder / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {made}\n")
        hook.chmod(0o755)
    done = fetched(Origin("git", str(docs.folder)))
    assert not made.exists()
    assert "vendored/inner.md" not in names(done.root)
    found = probe(Origin("git", str(docs.folder), exclude=("README.md",)), tmp_path / "source", FetchSettings())
    assert (found.documents, found.first) == (2, ("docs/guides/run.md", "docs/start.md"))
    assert [one.path for one in found.failed] == ["docs/link.md"]  # it leads out of the folder
    assert not list((tmp_path / "source").glob("probe-*"))


@pytest.mark.usefixtures("docs")
def test_over_http_with_a_login(site: Site, fetched: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    git_backend(site, tmp_path, user="reader", password="pa%2Fss-word")  # noqa: S106 - of this test alone
    host = urlsplit(site.url).netloc
    good = f"http://reader:pa%2Fss-word@{host}/upstream/.git"
    done = fetched(Origin("git", good))
    assert len(names(done.root)) == 4
    assert "ss-word" not in repr(done.state)
    stored = [path for path in (tmp_path / "source" / "repository.git").rglob("*") if path.is_file()]
    assert not any(b"ss-word" in path.read_bytes() for path in stored)
    bad = Origin("git", f"http://reader:wrong-word@{host}/upstream/.git")
    with pytest.raises(FetchFailed, match="wants a login") as failure:
        fetched(bad)
    assert "wrong-word" not in str(failure.value)
    with pytest.raises(FetchFailed, match="wants a login"):
        fetched(Origin("git", f"{site.url}/upstream/.git"))
    missing = Origin("git", f"http://reader:pa%2Fss-word@{host}/nothing/.git")
    with pytest.raises(FetchFailed, match="there is no repository") as failure:
        fetched(missing)
    assert "ss-word" not in str(failure.value)
    assert "reader" not in str(failure.value)


def test_a_server_that_hangs_is_given_up(site: Site, tmp_path: Path) -> None:
    reported: list[FetchProgress] = []

    def hang(_: BaseHTTPRequestHandler) -> None:
        time.sleep(4)

    site.pages["/x.git/info/refs?service=git-upload-pack"] = hang
    origin = Origin("git", site.url.replace("http://", "http://me:hush-hush@") + "/x.git")
    settings = FetchSettings(git_timeout_seconds=1.5)
    with pytest.raises(FetchFailed, match=r"more than 1\.5 seconds"):
        fetch(origin, tmp_path / "source", {}, settings, reported.append)
    assert reported
    assert "hush" not in repr(reported)


def test_git_that_is_not_installed_is_named(
    docs: Repository, fetched: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchFailed, match="git` is not installed"):
        fetched(Origin("git", str(docs.folder)))


def test_a_repository_of_another_user_is_read(tmp_path: Path, quick: FetchSettings) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("lamp.md", "# Lamp\n")
    repository.commit()
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in [repository.folder, *repository.folder.rglob("*")]:
        os.chown(path, 65534, 65534, follow_symlinks=False)

    fetched = fetch(Origin("git", str(repository.folder)), tmp_path / "source", {}, quick, lambda _: None)

    assert [path.name for path in fetched.root.iterdir()] == ["lamp.md"]
