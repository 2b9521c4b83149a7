"""Visitors of two sites: a service that knows the sites, and clients as browsers and programs are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx

from app.auth.keys import ApiKeys, CreatedKey
from app.auth.principal import Scope
from app.auth.sites import Sites
from app.config import Settings
from app.db import Database, open_database
from tests.service.serving import PATIENCE, Service, events

DOCS, SHOP = "https://docs.example.org", "https://shop.example.org"
SESSIONS, MESSAGES = "/api/v1/chat/sessions", "/api/v1/chat/messages"
ANSWERS, CONVERSATIONS = "/api/v1/chat/answers", "/api/v1/chat/conversations"
STREAM = {"Accept": "text/event-stream"}
PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."
SHOWN = "The server listens on port 7070 by default. [1]"
KEPT = "The server listens on port 7070 by default."  # of a stopped answer: its citation is gone, and the marker
# What no test but those of the limits shall meet.
UNLIMITED = {
    f"LIMITS__{name}": "1000000/minute"
    for name in (
        "QUESTIONS_PER_SESSION",
        "QUESTIONS_PER_ADDRESS",
        "QUESTIONS_PER_KEY",
        "SESSIONS_PER_ADDRESS",
        "REQUESTS_PER_ADDRESS",
    )
}

Found = TypeVar("Found")
Event = tuple[str, str, dict[str, Any]]


def on_database(data_dir: Path, work: Callable[[Database], Awaitable[Found]]) -> Found:
    """What `work` finds or does in the database of a data folder, beside the service."""

    async def run() -> Found:
        database = open_database(Settings(data_dir=data_dir))
        try:
            await database.migrate()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def make_site(data_dir: Path, *origins: str, **values: Any) -> str:
    """The public key of a new site."""
    return on_database(data_dir, lambda database: Sites(database).create({"origins": origins, **values})).id


def make_key(data_dir: Path, scope: Scope) -> CreatedKey:
    return on_database(data_dir, lambda database: ApiKeys(database).create("tests", scope))


class VisitedService(Service):
    """A service with a site at DOCS, another one at SHOP, and an API key of each scope."""

    def __init__(self, folder: Path, indexed: Path | None, **settings: str) -> None:
        super().__init__(folder, indexed, **(UNLIMITED | settings))
        self.site, self.shop = make_site(self.data_dir, DOCS), make_site(self.data_dir, SHOP)
        self.keys = {scope: make_key(self.data_dir, scope) for scope in ("chat", "tickets", "admin")}

    def begin(self, site: str = "", origin: str = DOCS, session: str | None = None) -> httpx.Response:
        """Ask for a session; with the key of DOCS where no other is given."""
        body = {"site_key": site or self.site, "session": session}
        return httpx.post(f"{self.url}{SESSIONS}", json=body, headers={"Origin": origin}, trust_env=False)

    def session(self, site: str = "", origin: str = DOCS) -> str:
        begun = self.begin(site, origin)
        assert begun.status_code == 201, begun.text
        token: str = begun.json()["session"]
        return token

    def browser(self, token: str = "", origin: str = DOCS) -> httpx.Client:
        """A page of `origin`, with a new visitor's session of DOCS where no token is given."""
        return self.program(token or self.session(), Origin=origin)

    def program(self, token: str, **headers: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}", **headers}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)


class Reader:
    """Reads server-sent events of an open response, some at a time. Who drops it drops the connection."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200, response.read()
        self._lines: Iterator[str] = response.iter_lines()

    def take(self, count: int | None = None) -> list[Event]:
        """The next `count` events, fewer at the end of the stream; None: all."""
        found: list[Event] = []
        block: list[str] = []
        while count is None or len(found) < count:
            line = next(self._lines, None)
            if line is None:
                break
            if line:
                block.append(line)
                continue
            found += events("\n".join(block))
            block = []
        return found


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem document of a refusal, after its form was checked."""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json"), (
        response.read()
    )
    body: dict[str, Any] = response.json()
    assert (body["type"], body["status"]) == (f"urn:docent:problem:{kind}", status)
    assert body["title"]
    assert body["detail"]
    return body
