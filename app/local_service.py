"""How the command line finds a service that runs on the same data folder, and proves that it may command it.

The service writes its URL and a random token to `service.json` in the data folder, readable by its user alone, and
holds a lock beside it that the kernel frees when it dies. Whoever can read the folder may give orders.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from app.config import make_data_dir
from app.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class LocalService:
    url: str
    token: str
    pid: int


class ServiceFile:
    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "service.json"
        self._lock = FileLock(data_dir / "service.lock", timeout=0, thread_local=False)

    def claim(self) -> None:
        """Become the one service of this data folder. Raises ConfigurationError when there is one already."""
        make_data_dir(self._path.parent)
        try:
            self._lock.acquire()
        except Timeout as error:
            running = self._read()
            where = f" at {running.url} (process {running.pid})" if running else ""
            raise ConfigurationError(
                f"a service runs on {self._path.parent} already{where}: stop it, or set another DOCENT_DATA_DIR"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"DOCENT_DATA_DIR: {self._path.parent} cannot be written to ({error.strerror}): name a folder that can"
            ) from error

    def publish(self, url: str) -> LocalService:
        """Tell the command line where the service listens. Only after `claim`."""
        service = LocalService(url, secrets.token_urlsafe(32), os.getpid())
        aside = self._path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(service), file)
        aside.replace(self._path)
        return service

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        self._lock.release()

    def running(self) -> LocalService | None:
        """The service that holds the lock, None when there is none; what a killed one left is not believed."""
        if not self._path.exists():
            return None
        try:
            with self._lock:
                self._path.unlink(missing_ok=True)
                return None
        except Timeout:
            return self._read()

    def _read(self) -> LocalService | None:
        try:
            return LocalService(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
