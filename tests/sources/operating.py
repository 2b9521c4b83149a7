"""Sources as an operator has them: over HTTP at a running service, and without one in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.cli.remote import server_sent_events
from app.index.indexer import IndexReport
from app.runtime import Core
from app.sources.registry import SourceRegistry
from app.sources.reindexing import Reindexing
from app.sources.revisions import RevisionsService
from app.sources.specification import ReindexBody, SourceBody
from tests.chat.visiting import VisitedService

ADMIN = "/api/v1/admin"
LAMP = "# Lamp\n\n## Switch it on\n\nPress the brass lever to switch the lamp on.\n"
KETTLE = "# Kettle\n\n## Boil water\n\nThe kettle boils a litre of water in three minutes.\n"
CLOCK = "# Clock\n\n## Wind the clock\n\nWind the clock with its key each Sunday.\n"
PAGES = {"lamp.md": LAMP, "kettle.md": KETTLE, "clock.md": CLOCK}


def write_folder(folder: Path, pages: dict[str, str] = PAGES) -> Path:
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class Operator:
    """An operator at a running service."""

    def __init__(self, service: VisitedService) -> None:
        self.service = service
        self.http = service.program(service.keys["admin"].token)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.http.request(method, f"{ADMIN}{path}", json=body)

    def add(self, name: str, location: Path | str, kind: str = "folder", **values: Any) -> dict[str, Any]:
        made = self.call("POST", "/sources", {"name": name, "kind": kind, "location": str(location), **values})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def source(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/sources/{name}").json()
        return found

    def begin(self, *names: str, **options: Any) -> str:
        """Queue a run over the sources, all of them without; the job's id."""
        queued = self.call("POST", "/reindex", {"sources": list(names) or None, **options})
        assert queued.status_code == 202, queued.text
        found: str = queued.json()["id"]
        return found

    def events(self, job_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        with self.http.stream("GET", f"{ADMIN}/jobs/{job_id}/events") as response:
            assert response.status_code == 200, response.read()
            yield from server_sent_events(response.iter_lines())

    def finished(self, job_id: str) -> dict[str, Any]:
        """The job as it is at its end."""
        name, job = list(self.events(job_id))[-1]
        assert name == "job.finished"
        return job

    def run(self, *names: str, **options: Any) -> dict[str, Any]:
        """A run that succeeds; its report."""
        job = self.finished(self.begin(*names, **options))
        assert job["state"] == "succeeded", job["error"]
        report: dict[str, Any] = job["result"]
        return report

    def delete(self, name: str) -> None:
        done = self.call("DELETE", f"/sources/{name}")
        assert "index.completed" in done.text, done.text

    def serving(self) -> str:
        (found,) = [one["id"] for one in self.call("GET", "/revisions").json() if one["serves"]]
        return str(found)

    def found(self, question: str) -> set[str]:
        """Paths that a search finds."""
        hits = self.http.get(f"{ADMIN}/search", params={"q": question, "k": 50}).json()["results"]
        return {hit["path"] for hit in hits}

    @contextmanager
    def passing_sources(self) -> Iterator[None]:
        """A block that leaves no source of its own behind."""
        before = {one["name"] for one in self.call("GET", "/sources").json()}
        yield
        for one in self.call("GET", "/sources").json():
            if one["name"] not in before:
                self.delete(one["name"])


@dataclass(frozen=True, slots=True)
class Desk:
    """The same without a service."""

    core: Core
    registry: SourceRegistry
    reindexing: Reindexing
    revisions: RevisionsService

    async def add(self, name: str, location: Path | str, kind: str = "folder", **values: Any) -> None:
        body = {"name": name, "kind": kind, "location": str(location), **values}
        await self.registry.create(SourceBody.model_validate(body))

    async def run(self, *names: str, **options: Any) -> IndexReport:
        return await self.reindexing.run(ReindexBody(sources=list(names) or None, **options), lambda _: None)

    async def found(self, question: str) -> set[str]:
        return {f"{one.chunk.source}/{one.chunk.path}" for one in (await self.core.library.search(question)).candidates}

    async def serving(self) -> str:
        found = await self.core.catalog.pointed_id()
        assert found is not None
        return found

    async def error(self, name: str) -> str:
        return (await self.registry.get(name)).error


def desk_of(core: Core) -> Desk:
    return Desk(
        core,
        SourceRegistry(core.settings, core.database, core.catalog),
        Reindexing(core.settings, core.database, core.catalog, core.indexer),
        RevisionsService(core.settings, core.catalog, core.revisions),
    )
