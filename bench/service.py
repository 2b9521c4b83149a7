"""A real `docent serve` in a process of its own, and what it costs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

DOCENT = [sys.executable, "-c", "from app.cli import main; main()"]
_READY_SECONDS = 120


@dataclass(frozen=True, slots=True)
class RunningService:
    """ready_seconds: from the start of the process to the first 200 of /readyz. headers: what lets a program in.
    site_key: of the start page.
    """

    url: str
    pid: int
    ready_seconds: float
    headers: dict[str, str]
    site_key: str

    def resident_mb(self) -> float:
        """Resident memory of the service and all its children, in MB (10^6 bytes)."""
        return sum(_resident(pid) for pid in [self.pid, *_descendants(self.pid)]) / 1e6


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    return own | {"DOCENT_DATA_DIR": str(data_dir), "DOCENT_LOG__LEVEL": "warning"} | settings


@contextmanager
def docent_serve(data_dir: Path, **settings: str) -> Iterator[RunningService]:
    """The service on a free port, ready. settings: DOCENT_ variables."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [*DOCENT, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment(data_dir, **settings)
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+", line)
        if found is None:
            raise RuntimeError(f"docent serve said {line!r} instead of its address")
        _wait_ready(found[0], started)
        ready_seconds = time.perf_counter() - started
        token = json.loads((data_dir / "service.json").read_text())["token"]
        yield RunningService(
            found[0], process.pid, ready_seconds, {"Authorization": f"Bearer {token}"}, _own_site(data_dir)
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()


def _own_site(data_dir: Path) -> str:
    listed = subprocess.run(
        [*DOCENT, "site", "list", "--json"], check=True, capture_output=True, text=True, env=environment(data_dir)
    )
    sites = [json.loads(line) for line in listed.stdout.splitlines()]
    return str(next(site["key"] for site in sites if not site["origins"]))


def docent_index(data_dir: Path, folder: Path) -> float:
    """Seconds of `docent index FOLDER` as a whole process."""
    started = time.perf_counter()
    subprocess.run(
        [*DOCENT, "index", str(folder), "--json"], check=True, stdout=subprocess.DEVNULL, env=environment(data_dir)
    )
    return time.perf_counter() - started


def _wait_ready(url: str, started: float) -> None:
    while time.perf_counter() - started < _READY_SECONDS:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"docent serve was not ready after {_READY_SECONDS} s")


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _descendants(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            found += [child, *_descendants(child)]
    return found
