"""How the command line finds a service that runs on the same data folder, and proves that it may command it.

The service writes its URL and a random token to `service.json` in the data folder, readable by its user alone, and
holds a lock beside it that the kernel frees when it dies. Whoever can read the folder may give orders.

A SQLite database is one service's. With another one, services share the folder and the revisions in it, which never
change: the second writes `service-2.json`, and so on, and the command line speaks to the first that it finds.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from app.config import Settings, make_data_dir
from app.errors import ConfigurationError

_MOST = 16


@dataclass(frozen=True, slots=True)
class LocalService:
    """number: of its place on the data folder, from 1; a service that starts again gets the first that is free."""

    url: str
    token: str
    pid: int
    number: int = 1


class ServiceFile:
    """services: how many may run on the folder at once."""

    def __init__(self, data_dir: Path, services: int = 1) -> None:
        self._data_dir = data_dir
        names = ["service", *(f"service-{number}" for number in range(2, services + 1))]
        self._places = [_Place(data_dir, name) for name in names]
        self._held: _Place | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.data_dir, 1 if settings.database_url.startswith("sqlite") else _MOST)

    def claim(self) -> None:
        """Become a service of this data folder. Raises ConfigurationError when there are as many as may be."""
        make_data_dir(self._data_dir)
        try:
            self._held = next((place for place in self._places if place.take()), None)
        except OSError as error:
            raise ConfigurationError(
                f"DOCENT_DATA_DIR: {self._data_dir} cannot be written to ({error.strerror}): name a folder that can"
            ) from error
        if self._held is None:
            running = self._places[0].read()
            where = f" at {running.url} (process {running.pid})" if running else ""
            raise ConfigurationError(
                f"a service runs on {self._data_dir} already{where}: stop it, or set another DOCENT_DATA_DIR"
            )

    def publish(self, url: str) -> LocalService:
        """Tell the command line where the service listens. Only after `claim`."""
        if self._held is None:
            raise RuntimeError("nothing is claimed yet")
        number = self._places.index(self._held) + 1
        service = LocalService(url, secrets.token_urlsafe(32), os.getpid(), number)
        self._held.write(service)
        return service

    def release(self) -> None:
        if self._held is not None:
            self._held.leave()
            self._held = None

    def running(self) -> LocalService | None:
        """A service that holds a lock, None when there is none; what a killed one left is not believed."""
        return next((found for found in (place.running() for place in self._places) if found), None)


class _Place:
    """The lock and the file of one service."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self._path = data_dir / f"{name}.json"
        self._lock = FileLock(data_dir / f"{name}.lock", timeout=0, thread_local=False)

    def take(self) -> bool:
        try:
            self._lock.acquire()
        except Timeout:
            return False
        return True

    def write(self, service: LocalService) -> None:
        aside = self._path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(service), file)
        aside.replace(self._path)

    def leave(self) -> None:
        self._path.unlink(missing_ok=True)
        self._lock.release()

    def running(self) -> LocalService | None:
        if not self._path.exists():
            return None
        try:
            with self._lock:
                self._path.unlink(missing_ok=True)
                return None
        except Timeout:
            return self.read()

    def read(self) -> LocalService | None:
        try:
            return LocalService(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
