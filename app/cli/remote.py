"""The running service on the same data folder, as the command line speaks to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from app.config import Settings
from app.errors import DocentError, EngineUnavailable
from app.local_service import LocalService, ServiceFile

_CONNECT_SECONDS = 5.0


class RemoteFailure(DocentError):
    """What the service answered; its detail is passed on."""


class RemoteService:
    def __init__(self, service: LocalService) -> None:
        headers = {"Authorization": f"Bearer {service.token}"}
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)  # an index run may take as long as it takes
        self._client = httpx.Client(base_url=service.url, headers=headers, timeout=timeout, trust_env=False)

    def index(self, body: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Index folders; the report."""
        return self._run("POST", "/api/v1/admin/index", body, on_progress)

    def remove(self, name: str, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Take a source out; the report."""
        return self._run("DELETE", _source(name), None, on_progress)

    def search(self, question: str, limit: int, explained: bool) -> dict[str, Any]:
        params: dict[str, str | int] = {"q": question, "k": limit, "explain": str(explained).lower()}
        found: dict[str, Any] = self._json(self._client.get("/api/v1/admin/search", params=params))
        return found

    def sources(self) -> list[dict[str, Any]]:
        sources: list[dict[str, Any]] = self._json(self._client.get("/api/v1/admin/sources"))
        return sources

    def source(self, name: str) -> dict[str, Any]:
        return self._object("GET", _source(name))

    def add_source(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/api/v1/admin/sources", body)

    def test_source(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/api/v1/admin/sources/test", body)

    def update_source(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        return self._object("PATCH", _source(name), change)

    def push_secret(self, name: str) -> dict[str, Any]:
        return self._object("GET", f"{_source(name)}/push-secret")

    def revisions(self) -> list[dict[str, Any]]:
        revisions: list[dict[str, Any]] = self._json(self._client.get("/api/v1/admin/revisions"))
        return revisions

    def rollback(self, revision: str | None) -> dict[str, Any]:
        return self._object("POST", "/api/v1/admin/index/rollback", {"revision": revision})

    def releases(self) -> list[dict[str, Any]]:
        releases: list[dict[str, Any]] = self._json(self._client.get("/api/v1/admin/releases"))
        return releases

    def promote(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/api/v1/admin/releases", body)

    def rollback_release(self) -> dict[str, Any]:
        return self._object("POST", "/api/v1/admin/releases/rollback", {})

    def reindex(self, body: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Bring sources up to date; the report."""
        job = self._object("POST", "/api/v1/admin/reindex", body)
        with self._client.stream("GET", f"/api/v1/admin/jobs/{job['id']}/events") as response:
            for event, data in server_sent_events(response.iter_lines()):
                if event == "job.progress" and data["progress"]:
                    on_progress(data["progress"])
                elif event == "job.finished" and data["state"] == "succeeded":
                    report: dict[str, Any] = data["result"]
                    return report
                elif event == "job.finished":
                    raise RemoteFailure(str((data["error"] or {}).get("detail", "the job was cancelled")))
        raise EngineUnavailable(f"the service stopped before {job['id']} was done: it goes on with it when it starts")

    def ask(self, question: str) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        body = {"question": question}
        answer: dict[str, Any] = self._json(self._client.post("/api/v1/chat/messages", json=body, headers=headers))
        return answer

    def close(self) -> None:
        self._client.close()

    def _run(
        self, method: str, path: str, body: dict[str, Any] | None, on_progress: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        with self._client.stream(method, path, json=body) as response:
            if response.status_code != HTTPStatus.OK:
                response.read()
                self._json(response)
            for event, data in server_sent_events(response.iter_lines()):
                if event == "index.progress":
                    on_progress(data)
                elif event == "index.failed":
                    raise RemoteFailure(str(data["problem"]["detail"]))
                elif event == "index.completed":
                    return data
        raise EngineUnavailable("the service stopped before the index was done; what was indexed before serves on")

    def _object(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self._json(self._client.request(method, path, json=body))
        return found

    @staticmethod
    def _json(response: httpx.Response) -> Any:  # noqa: ANN401  (whatever JSON knows)
        body = response.json()
        if not response.is_success:
            raise RemoteFailure(str(body.get("detail", response.reason_phrase)))
        return body


def _source(name: str) -> str:
    return f"/api/v1/admin/sources/{quote(name, safe='')}"


@contextmanager
def running_service(settings: Settings) -> Iterator[RemoteService | None]:
    """The service that runs on the data folder of `settings`, None when there is none."""
    found = ServiceFile.of(settings).running() if settings.data_dir.is_dir() else None
    if found is None:
        yield None
        return
    remote = RemoteService(found)
    try:
        yield remote
    except httpx.HTTPError as error:
        raise EngineUnavailable(
            f"the service at {found.url} (process {found.pid}) does not answer ({error}): wait for it or stop it"
        ) from error
    finally:
        remote.close()


def server_sent_events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Event name and JSON data of each event in a stream of lines."""
    event, data = "", ""
    for line in lines:
        if line.startswith("event:"):
            event = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data += line.removeprefix("data:").strip()
        elif not line and data:
            yield event, json.loads(data)
            event, data = "", ""
