"""`docent` as its users run it: commands and a service, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from tests.postgresql.databases import copy_data, database_settings

ROOT = Path(__file__).parents[2]
DOCENT = [sys.executable, "-c", "from app.cli import main; main()"]
PATIENCE = 120  # seconds


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """That of the tests without settings of Docent but `settings`, by their names without the prefix."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("DOCENT_")}
    chosen = {f"DOCENT_{name}": value for name, value in settings.items()}
    return kept | {"PYTHONPATH": str(ROOT), "DOCENT_DATA_DIR": str(data_dir)} | database_settings(data_dir) | chosen


def docent(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a folder without a .env."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [*DOCENT, *arguments],
        cwd=data_dir.parent,
        env=environment(data_dir, **settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that will be true, however long the machine takes; the test's own timeout ends it."""
    pause = threading.Event()
    while not holds():
        pause.wait(0.05)


class Service:
    """`docent serve` on a copy of an indexed data folder, ready when the block begins; stopped at its end.

    beside: a service whose data folder is shared.
    """

    def __init__(
        self,
        folder: Path,
        indexed: Path | None,
        *,
        prefix: tuple[str, ...] = (),
        beside: Service | None = None,
        **settings: str,
    ) -> None:
        self.data_dir = beside.data_dir if beside else folder / "data"
        if indexed is not None:
            copy_data(indexed, self.data_dir)
        self._settings = {"LOG__FORMAT": "json", **settings}
        self._prefix = prefix
        self._log = folder / "serve.log"
        self.url = ""
        self.wait_for: Callable[[], bool] = lambda: self.client.get("/readyz").status_code == 200

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self._prefix, *DOCENT, "serve", "--port", "0"],
                cwd=self._log.parent,
                env=environment(self.data_dir, **self._settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        with ExitStack() as undo:
            undo.callback(self.stop)
            assert self.process.stdout is not None
            said = self.process.stdout.readline()
            assert said.startswith("Docent listens at http"), self._log.read_text()
            self.url = said.split()[-1]
            self.token = self._published()["token"]
            local = {"Authorization": f"Bearer {self.token}"}
            self.client = httpx.Client(base_url=self.url, headers=local, timeout=PATIENCE, trust_env=False)
            undo.callback(self.client.close)
            until(lambda: self.process.poll() is not None or self.wait_for())
            assert self.process.poll() is None, self._log.read_text()
            self._at_end = undo.pop_all()
        return self

    def _published(self) -> dict[str, Any]:
        published = [json.loads(file.read_text()) for file in self.data_dir.glob("service*.json")]
        # With a prefix, the process that was started is another one than the service.
        return next(one for one in published if one["url"] == self.url)

    def __exit__(self, *_: object) -> None:
        self._at_end.close()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """The exit code."""
        if self.process.poll() is None:
            self.terminate()
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def log(self) -> list[dict[str, Any]]:
        """The whole lines of the log so far; one that is not JSON fails."""
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def ask(self, question: str, conversation_id: str | None = None) -> httpx.Response:
        return self.client.post(
            "/api/v1/chat/messages", json={"question": question, "conversation_id": conversation_id}
        )

    def stream(self, question: str, conversation_id: str | None = None) -> list[tuple[str, str, dict[str, Any]]]:
        """Id, name and data of all events of an answer."""
        with self.open_stream(question, conversation_id) as response:
            body = "".join(response.iter_text())
            assert response.status_code == 200, (body, self._log.read_text()[-4000:])
            return events(body)

    def open_stream(self, question: str, conversation_id: str | None = None) -> Any:
        return self.client.stream(
            "POST",
            "/api/v1/chat/messages",
            json={"question": question, "conversation_id": conversation_id},
            headers={"Accept": "text/event-stream"},
        )


def events(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Id, name and data of each event in a body of server-sent events."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def children_of(pid: int) -> list[int]:
    """Process ids of the living children of `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(entry.name))
    return found
