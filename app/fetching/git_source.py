"""A git repository: a shallow clone without a work tree, and beside it the files of one commit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.config import FetchSettings
from app.fetching.errors import FetchFailed, writing
from app.fetching.git_command import Git, GitFailed
from app.fetching.git_location import GitLocation, parse_location
from app.fetching.origin import Fetched, FetchProgress, Origin

_HEAD = "refs/docent/head"
_SERVED = "refs/docent/served"  # keeps the commit that the next comparison starts from
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_BRANCHES_SHOWN = 10


def fetch_git(
    origin: Origin,
    folder: Path,
    state: Mapping[str, Any],
    settings: FetchSettings,
    report: Callable[[FetchProgress], None],
) -> Fetched:
    """state: {"commit", "subfolder"}. The files are in `folder`/checkout/tree, the clone in `folder`/repository.git.

    Raises FetchFailed.
    """
    location = parse_location(origin.location)
    subfolder = _checked_subfolder(origin.subfolder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    git = Git(location, folder, settings.git_timeout_seconds, report)
    clone = _Clone(git, folder, location)
    reference, commit = _on_remote(git, origin.branch, location)
    old = str(state.get("commit", "")) if state.get("subfolder", "") == subfolder else ""
    if not _COMMIT.fullmatch(old):
        old = ""
    if clone.checked_out() != _mark(commit, subfolder):
        commit = clone.update(reference, subfolder, old)
    changed = frozenset[str]() if old == commit else clone.changed(old, commit, subfolder)
    return Fetched(clone.tree, {"commit": commit, "subfolder": subfolder}, changed)


class _Clone:
    def __init__(self, git: Git, folder: Path, location: GitLocation) -> None:
        self._git = git
        self._folder = folder
        self._location = location
        self._repository = folder / "repository.git"
        self._checkout = folder / "checkout"
        self.tree = self._checkout / "tree"

    def checked_out(self) -> str:
        """What the files are of, '' where there are none. A checkout is renamed into its place when it is whole."""
        try:
            return (self._checkout / "of").read_text(encoding="utf-8") if self.tree.is_dir() else ""
        except OSError:
            return ""

    def update(self, reference: str, subfolder: str, old: str) -> str:
        """Fetch the tip of `reference` and check it out; its commit. A clone that is broken is made anew."""
        had_one = self._repository.exists()
        try:
            return self._update(reference, subfolder, old)
        except GitFailed as failure:
            self._clear_leftovers()
            if failure.helpless or not had_one:
                raise
        with writing(self._folder):
            shutil.rmtree(self._repository)
        return self._update(reference, subfolder, old)

    def changed(self, old: str, new: str, subfolder: str) -> frozenset[str] | None:
        """Paths that differ between two commits, None where one of them is not had."""
        if not old:
            return None
        try:
            listed = self._in_clone(
                "diff-tree", "-r", "-z", "--no-renames", "--name-only", _tree(old, subfolder), _tree(new, subfolder)
            )
        except GitFailed:
            return None  # the old commit went with a clone that was made anew, or has no such folder
        return frozenset(path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0") if path)

    def _update(self, reference: str, subfolder: str, old: str) -> str:
        self._clear_leftovers()
        with writing(self._folder):
            self._repository.mkdir(exist_ok=True)
        self._in_clone("init", "--quiet", "--bare", "--template=")
        if old:
            self._keep(old)
        # A server that cannot leave files out sends all of them. The commit that is kept is not asked for again.
        self._in_clone(
            "fetch", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--progress",
            "--filter=blob:none", "--", "origin", f"+{reference}:{_HEAD}",
        )  # fmt: skip
        commit = self._in_clone("rev-parse", "--verify", f"{_HEAD}^{{commit}}").decode().strip()
        self._check_subfolder(commit, subfolder)
        self._check_out(commit, subfolder)
        self._in_clone("-c", "gc.auto=200", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet", "--prune=now")
        return commit

    def _clear_leftovers(self) -> None:
        """Remove what a run that was cut off left: half a checkout, locks, and objects that never came whole."""
        self._discard_aside()
        if not self._repository.is_dir():
            return
        with writing(self._folder):
            for left in [*self._repository.rglob("*.lock"), *(self._repository / "objects").rglob("tmp_*")]:
                if left.is_file():
                    left.unlink(missing_ok=True)
                else:
                    shutil.rmtree(left, ignore_errors=True)

    def _keep(self, old: str) -> None:
        try:
            self._in_clone("update-ref", _SERVED, old)
        except GitFailed:
            return  # it is not had, see `changed`

    def _check_subfolder(self, commit: str, subfolder: str) -> None:
        if not subfolder:
            return
        top = self._in_clone("ls-tree", "-d", "-z", "--name-only", commit).decode("utf-8", "replace").strip("\0")
        try:
            kind = self._in_clone("cat-file", "-t", _tree(commit, subfolder)).strip()
        except GitFailed as failure:
            known = ", ".join(top.split("\0")[:_BRANCHES_SHOWN]) or "none"
            raise GitFailed(
                f"{self._location.shown} has no folder {subfolder}: name one that it has (at its top: {known})",
                helpless=True,
            ) from failure
        if kind != b"tree":
            raise GitFailed(f"{subfolder} of {self._location.shown} is a file: name its folder", helpless=True)

    def _check_out(self, commit: str, subfolder: str) -> None:
        aside = self._folder / "checkout.new"
        index = aside / "index"
        try:
            with writing(self._folder):
                (aside / "tree").mkdir(parents=True)
            tree = _tree(commit, subfolder)
            self._in_clone("--work-tree=.", "read-tree", "--reset", "-u", tree, cwd=aside / "tree", index=index)
            with writing(self._folder):
                index.unlink()
                (aside / "of").write_text(_mark(commit, subfolder), encoding="utf-8")
                if self._checkout.exists():
                    shutil.rmtree(self._checkout)
                aside.rename(self._checkout)
        finally:
            self._discard_aside()

    def _discard_aside(self) -> None:
        shutil.rmtree(self._folder / "checkout.new", ignore_errors=True)

    def _in_clone(self, *words: str, cwd: Path | None = None, index: Path | None = None) -> bytes:
        return self._git.run(f"--git-dir={self._repository.absolute()}", *words, cwd=cwd, index=index)


def _on_remote(git: Git, branch: str, location: GitLocation) -> tuple[str, str]:
    """The reference to fetch and its commit, as the remote has it now."""
    listed = git.run("ls-remote", "--", "origin", "HEAD", "refs/heads/*").decode("utf-8", "replace")
    commits = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
    wanted = f"refs/heads/{branch}" if branch else "HEAD"
    if wanted in commits:
        return wanted, commits[wanted]
    names = [name.removeprefix("refs/heads/") for name in commits if name.startswith("refs/heads/")]
    if not names:
        raise FetchFailed(f"{location.shown} has no commits yet: push some first")
    known = ", ".join(names[:_BRANCHES_SHOWN]) + (", …" if len(names) > _BRANCHES_SHOWN else "")
    if branch:
        raise FetchFailed(f"{location.shown} has no branch {branch}: name one that it has ({known})")
    raise FetchFailed(f"{location.shown} has no default branch: name one ({known})")


def _checked_subfolder(subfolder: str) -> str:
    """Without slashes around it. Raises FetchFailed."""
    parts = [part for part in subfolder.strip().split("/") if part]
    if any(part in {".", "..", ".git"} for part in parts) or not subfolder.isprintable():
        raise FetchFailed(f"{subfolder!r} is no folder of a repository: give its path from the top, as in docs/en")
    return "/".join(parts)


def _tree(commit: str, subfolder: str) -> str:
    return f"{commit}:{subfolder}"


def _mark(commit: str, subfolder: str) -> str:
    return f"{commit} {subfolder}"
