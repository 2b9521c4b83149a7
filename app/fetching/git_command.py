"""Runs the git command: bounded in time, without prompts, hooks and submodules, nothing secret among its words."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from app.fetching.errors import FetchFailed, no_space
from app.fetching.git_location import GitLocation
from app.fetching.origin import FetchProgress

_LOOK_SECONDS = 0.5  # between two reports while git is silent, so that the caller can stop it
_SHOWN_CHARS = 300
_PROGRESS = re.compile(rb"(Receiving|Resolving|Counting|Compressing|Updating)[^\r\n]*?\((\d+)/(\d+)\)")
_KEPT_ENVIRONMENT = frozenset(
    {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_EXEC_PATH"}
    | {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
)
_CONFIG = {
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "protocol.file.allow": "always",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.protectNTFS": "true",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "advice.detachedHead": "false",
}


class GitFailed(FetchFailed):
    """helpless: whether a fresh clone would fail in the same way."""

    def __init__(self, detail: str, *, helpless: bool) -> None:
        super().__init__(detail)
        self.helpless = helpless


class Git:
    """Commands on one remote, called `origin`: its URL is handed over in the environment, where no list of processes
    and no file shows it.
    """

    def __init__(
        self, location: GitLocation, folder: Path, seconds: float, report: Callable[[FetchProgress], None]
    ) -> None:
        """seconds: for all commands together."""
        self._location = location
        self._folder = folder
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._report = report
        self._environment = _environment(location, folder)

    def run(self, *words: str, cwd: Path | None = None, index: Path | None = None) -> bytes:
        """What the command prints. Raises GitFailed, and whatever `report` raises; git is ended then."""
        environment = {**self._environment, **({"GIT_INDEX_FILE": str(index)} if index else {})}
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument list, of which no word of the user's is an option
                ["git", *words],  # noqa: S607 - git is found where the operator has it
                cwd=cwd or self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # its helpers (git-remote-https, ssh) end with it
            )
        except FileNotFoundError as error:
            raise GitFailed("the command `git` is not installed: install it on this machine", helpless=True) from error
        try:
            output, complaint = self._follow(process)
        finally:
            _end(process)
        if process.returncode:
            raise self._failure(complaint)
        return output

    def _follow(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        assert process.stdout is not None  # noqa: S101 - both are pipes, see run
        assert process.stderr is not None  # noqa: S101
        pieces: queue.Queue[tuple[int, bytes]] = queue.Queue()
        streams = (process.stdout, process.stderr)
        for number, stream in enumerate(streams):
            threading.Thread(target=_read, args=(number, stream, pieces), daemon=True).start()
        gathered: tuple[list[bytes], list[bytes]] = ([], [])
        progress = FetchProgress(0, 0, self._location.shown)
        still_open = len(streams)
        while still_open:
            if time.monotonic() > self._deadline:
                raise GitFailed(
                    f"git took more than {self._seconds:g} seconds for {self._location.shown}: "
                    "see whether the server answers, or raise DOCENT_FETCHING__GIT_TIMEOUT_SECONDS",
                    helpless=True,
                )
            try:
                number, piece = pieces.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._report(progress)
                continue
            still_open -= not piece
            gathered[number].append(piece)
            if number == 1 and (found := _PROGRESS.findall(piece)):
                progress = FetchProgress(int(found[-1][1]), int(found[-1][2]), self._location.shown)
                self._report(progress)
        process.wait()
        return b"".join(gathered[0]), b"".join(gathered[1])

    def _failure(self, complaint: bytes) -> GitFailed:
        text = self._location.redacted(complaint.decode("utf-8", "replace"))
        for pattern, advice in _EXPLANATIONS:
            if re.search(pattern, text, re.IGNORECASE):
                space = no_space(self._folder)
                advice = advice.format(shown=self._location.shown, folder=self._folder, space=space)  # noqa: PLW2901
                return GitFailed(advice, helpless=True)
        lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
        said = telling[-1].partition(": ")[2] or telling[-1] if telling else "nothing"
        return GitFailed(
            f"git failed on {self._location.shown}, saying: {said[:_SHOWN_CHARS]}: look into that", helpless=False
        )


def _any_of(*sayings: str) -> str:
    return "|".join(sayings)


# What git and its transports say (LC_ALL=C), and what that means. The first that fits is taken.
_EXPLANATIONS: Sequence[tuple[str, str]] = (
    (r"unable to create .*permission denied", "{folder} cannot be written: see to its rights"),
    # Of a file that does not fit on the disk git says no more than that it is `unable to write` it.
    (r"no space left|disk quota exceeded|file too large|unable to write|write (?:error|failed)", "{space}"),
    (
        _any_of(
            "authentication failed",
            "could not read (?:username|password)",
            "permission denied",
            "terminal prompts disabled",
            "invalid credentials",
            "returned error: 40[13]",
            "host key verification failed",
        ),
        "{shown} wants a login and was given none that it takes: give a URL with a read token, or Docent's user a key",
    ),
    (
        _any_of(
            "repository .*not found",
            "does not appear to be a git repository",
            "returned error: (?:404|410)",
            "is this a git repository",
            "does not exist",
        ),
        "there is no repository {shown}, or it is not shown to you: see to its address and your rights",
    ),
    (r"could not resolve host", "the host of {shown} is not known: see to the address, or to the name server"),
    (
        _any_of(
            "failed to connect",
            "couldn't connect",
            "connection (?:refused|timed out|reset)",
            "no route to host",
            "operation timed out",
        ),
        "{shown} cannot be reached: see whether its server runs, and try again",
    ),
    (r"dubious ownership", "{shown} belongs to another user: list it under safe.directory in git's own settings"),
    (r"returned error: 5\d\d", "the server of {shown} has an error: try again later"),
)


def _trusting(repository: Path, folder: Path, usual: str | None) -> Path:
    """Settings of git in which a repository of this machine is trusted, whoever owns it: an operator has named it.

    usual: the settings that it would read otherwise. They stand in a file, for git hands no others on to the process
    that reads the repository.
    """
    lines = ["[include]", f"\tpath = {_quoted(usual or str(Path.home() / '.gitconfig'))}", "[safe]"]
    lines += [f"\tdirectory = {_quoted(str(place))}" for place in (repository, repository / ".git")]
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "gitconfig"
    aside = settings.with_suffix(".new")
    aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    aside.replace(settings)
    return settings


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _environment(location: GitLocation, folder: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DOCENT_", "GIT_")) or name in _KEPT_ENVIRONMENT
    }
    kept.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=20")
    config = {**_CONFIG, "remote.origin.url": location.url}
    for number, (key, value) in enumerate(config.items()):
        kept[f"GIT_CONFIG_KEY_{number}"] = key
        kept[f"GIT_CONFIG_VALUE_{number}"] = value
    if Path(location.url).is_absolute():
        kept["GIT_CONFIG_GLOBAL"] = str(_trusting(Path(location.url), folder, kept.get("GIT_CONFIG_GLOBAL")))
    return {
        **kept,
        "GIT_CONFIG_COUNT": str(len(config)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),  # not the repository that the data folder may stand in
        "LC_ALL": "C",
    }


def _read(number: int, stream: IO[bytes], pieces: queue.Queue[tuple[int, bytes]]) -> None:
    """Hands over what the stream gives, and b'' at its end."""
    with stream:
        while piece := os.read(stream.fileno(), 65_536):
            pieces.put((number, piece))
    pieces.put((number, b""))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
