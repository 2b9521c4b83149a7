from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI

from app.callbacks.outbox import queue_callback
from app.config import (
    EmbeddingSettings,
    LimitSettings,
    LLMSettings,
    LogSettings,
    ServerSettings,
    Settings,
    TicketSettings,
)
from app.index.indexer import IndexRequest
from app.local_service import LocalService
from app.logs import configure_logs
from app.main import create_app
from app.runtime import Core, open_core
from app.sources.registry import SourceRegistry
from app.sources.reindexing import Reindexing
from app.sources.specification import ReindexBody, SourceBody
from tests.answering.lumen import write_pages
from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import DOCS, GOOD, MESSAGES, PORT, SESSIONS
from tests.fetching.repositories import Repository
from tests.security.routes import GIT_SOURCE
from tests.service.fixtures import indexed

__all__ = ["indexed"]

ORIGIN = "http://127.0.0.1"  # of the application
TICKETS = "/api/v1/tickets"
LOCAL_TOKEN = "the token of the command line, which no answer may hold"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Opened:
    """The application in this process with one visitor, who has asked one question; and everything that opens it.

    log: all that it has logged. secrets: what no answer and no line of the log may hold.
    """

    app: FastAPI
    client: httpx.AsyncClient
    settings: Settings
    site: str
    session: str
    keys: dict[str, str]
    answer_id: str
    conversation_id: str
    ids: dict[str, str]
    docs: Path
    log: io.StringIO
    secrets: tuple[str, ...]

    def bearer(self, scope: str) -> dict[str, str]:
        """Headers of a caller who may: the visitor for the chat, a key for the rest."""
        token = self.session if scope == "session" else self.keys[scope]
        return {"Authorization": f"Bearer {token}", **({"Origin": DOCS} if scope == "session" else {})}


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """One that always says the same."""
    with ScriptedModel() as scripted:
        scripted.respond = lambda _: GOOD
        yield scripted


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged in this process, as JSON lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(LogSettings(format="json", level="info"))
    written = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def opened_app(settings: Settings, model: ScriptedModel, log: io.StringIO, tmp_path: Path) -> AsyncIterator[Opened]:
    return _open(settings, model.base_url, log, tmp_path)


async def _ticket(app: FastAPI, client: httpx.AsyncClient, key: str) -> dict[str, str]:
    """A finished ticket with its job, and a callback that was delivered."""
    headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=60"}
    ticket = (await client.post(TICKETS, json={"body": PORT}, headers=headers)).json()
    async with app.state.core.database.transaction() as session:
        callback = queue_callback(session, ticket["id"], "ticket.answered", "https://127.0.0.1/hook", {})
        callback.state = "delivered"
    return {"ticket_id": ticket["id"], "job_id": ticket["job_id"], "callback_id": callback.id}


async def _index_repository(core: Core, folder: Path) -> None:
    """A git source, with which there are two revisions."""
    repository = Repository(folder)
    repository.write("lamp.md", "# Lamp\n\nThe lamp glows.\n")
    repository.commit()
    registry = SourceRegistry(core.settings, core.database, core.catalog)
    await registry.create(SourceBody(name=GIT_SOURCE, kind="git", location=str(folder)))
    reindexing = Reindexing(core.settings, core.database, core.catalog, core.indexer)
    await reindexing.run(ReindexBody(sources=[GIT_SOURCE]), lambda _: None)


@asynccontextmanager
async def _open(settings: Settings, base_url: str, log: io.StringIO, folder: Path) -> AsyncIterator[Opened]:
    limits = dict.fromkeys(LimitSettings.model_fields, "1000000/minute")
    settings = settings.model_copy(
        update={
            "embedding": EmbeddingSettings(threads=1),
            "llm": LLMSettings(base_url=base_url),
            "limits": LimitSettings.model_validate(limits),
            "server": ServerSettings(resume_seconds=0),
            "tickets": TicketSettings(tickets_per_key="1000000/minute"),
        }
    )
    docs = write_pages(folder / "lumen")
    async with open_core(settings) as core:
        await core.indexer.index(IndexRequest((docs,)), lambda _: None)
        await _index_repository(core, folder / "repository")
    local = LocalService(ORIGIN, LOCAL_TOKEN, 0)
    app = create_app(settings, local)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        gate = app.state.gate
        site = (await gate.sites.create({"origins": [DOCS]})).id
        keys = {scope: (await gate.keys.create("tests", scope)).token for scope in ("chat", "tickets", "admin")}
        begun = await client.post(SESSIONS, json={"site_key": site, "session": None}, headers={"Origin": DOCS})
        session = begun.json()["session"]
        asked = await client.post(MESSAGES, json={"question": PORT}, headers={"Authorization": f"Bearer {session}"})
        yield Opened(
            app=app,
            client=client,
            settings=settings,
            site=site,
            session=session,
            keys=keys,
            answer_id=asked.json()["id"],
            conversation_id=asked.json()["conversation_id"],
            ids=await _ticket(app, client, keys["tickets"]),
            docs=docs,
            log=log,
            secrets=(LOCAL_TOKEN, (settings.data_dir / "session.key").read_text(), session, *keys.values()),
        )
