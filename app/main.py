"""The HTTP service."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles

from app.adapters import endpoints as adapters_endpoints
from app.admin import endpoints as admin_endpoints
from app.admin_pages import endpoints as admin_pages
from app.answering.answerer import Answerer
from app.auth.bearer import described_token
from app.auth.cors import SiteCors
from app.auth.gate import Gate
from app.auth.keys import ApiKeys
from app.auth.limits import RateLimits
from app.auth.secret import signing_secret
from app.auth.sessions import Sessions
from app.auth.sites import Sites
from app.chat import endpoints as chat_endpoints
from app.chat import widget
from app.chat.service import ChatService
from app.config import Settings
from app.conversations.service import Conversations
from app.description import describe
from app.errors import DocentError
from app.handbook import endpoints as handbook_endpoints
from app.handbook.folder import Handbook
from app.jobs.precedence import Precedence
from app.llm.model import Model, Models, build_model
from app.local_service import LocalService
from app.metrics import CONTENT_TYPE, Metrics
from app.middleware import AllowedHosts, BodyLimit, RequestContext
from app.openai_api import endpoints as openai_endpoints
from app.openai_api.errors import OpenAIErrors
from app.problems import EVERYWHERE, install_problem_handlers, problem_responses
from app.releases import admin_endpoints as releases_admin_endpoints
from app.releases.bundles import ReleaseBundles
from app.releases.service import ReleasesService
from app.runtime import HANDBOOK, Core, open_core
from app.sources import admin_endpoints as sources_admin_endpoints
from app.sources import endpoints as sources_endpoints
from app.sources import push
from app.sources.queue import IndexQueue
from app.sources.registry import SourceRegistry
from app.sources.revisions import RevisionsService
from app.sources.service import SourcesService
from app.tickets import endpoints as tickets_endpoints
from app.working import open_jobs

log = structlog.get_logger(__name__)

STATIC = Path(__file__).resolve().parent.parent / "static"


@dataclass(slots=True)
class Readiness:
    """What is not ready, by name, with what is being done about it. Empty: all is.

    indexing: whether the index is being made that the first questions are answered from.
    """

    waiting: dict[str, str] = field(default_factory=dict)
    indexing: bool = False
    engine_trouble: str = ""  # as last logged

    def done(self, name: str) -> None:
        self.waiting.pop(name, None)


def create_app(settings: Settings, service: LocalService | None = None) -> FastAPI:
    """The application.

    service: how the command line reaches it; without one nobody knows the token that it is known by.
    """
    app = FastAPI(
        title="Docent",
        description="Answers from your documentation, with the sentence each answer stands on.",
        version="0.1.0",
        lifespan=lambda app: _lifespan(app, settings),
        docs_url=None,
        redoc_url=None,
        responses=problem_responses(*EVERYWHERE),
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    app.state.starters = handbook_endpoints.STARTER_QUESTIONS
    app.state.service = service.number if service else 1
    app.state.token = service.token if service else secrets.token_urlsafe(32)
    app.state.metrics = Metrics()
    app.state.readiness = Readiness({"migrations": "not run yet", "index": "not open yet", "engine": "not started yet"})
    app.include_router(chat_endpoints.router)
    app.include_router(widget.router)
    app.include_router(openai_endpoints.router)
    app.include_router(tickets_endpoints.router)
    app.include_router(adapters_endpoints.router)
    app.include_router(admin_endpoints.router)
    app.include_router(sources_endpoints.router)
    app.include_router(sources_admin_endpoints.router)
    app.include_router(releases_admin_endpoints.router)
    app.include_router(push.router)
    app.include_router(admin_pages.router)
    app.add_api_route("/livez", livez, tags=["health"])
    app.add_api_route("/readyz", readyz, tags=["health"], responses=_READYZ)
    app.add_api_route(
        "/metrics",
        metrics,
        tags=["health"],
        response_class=PlainTextResponse,
        responses=problem_responses(401, 403, 429),
        dependencies=[] if settings.server.public_metrics else [described_token("admin")],
    )
    if settings.server.start_page:
        app.state.handbook = Handbook(HANDBOOK)
        app.include_router(handbook_endpoints.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    install_problem_handlers(app)
    describe(app)
    tickets = settings.tickets.max_body_bytes
    larger = {"/api/v1/tickets": tickets, "/api/v1/adapters/": tickets, "/api/v1/sources/": tickets}
    app.add_middleware(BodyLimit, limit=settings.server.max_body_bytes, larger=larger)
    app.add_middleware(SiteCors)
    app.add_middleware(AllowedHosts, hosts=settings.server.hosts)
    app.add_middleware(OpenAIErrors)
    app.add_middleware(RequestContext, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    readiness: Readiness = app.state.readiness
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(settings))
        readiness.done("migrations")
        model = build_model(settings)
        stack.push_async_callback(model.close)
        app.state.core, app.state.model = core, model
        app.state.gate = await _gate(settings, core, app.state.token)
        app.state.own_site = (await app.state.gate.sites.own()).id if settings.server.start_page else ""
        models = Models(settings, model)
        stack.push_async_callback(models.close)
        answerer = Answerer(ReleaseBundles(settings.answering, core.database, models), core.library)
        precedence = Precedence(settings.jobs.patience_seconds)
        app.state.conversations = Conversations(settings, core.database, answerer, app.state.metrics, precedence)
        stack.push_async_callback(app.state.conversations.close)
        app.state.chat = ChatService(core.database, app.state.metrics)
        working = await stack.enter_async_context(
            open_jobs(settings, core, answerer, precedence, app.state.metrics, app.state.service)
        )
        app.state.jobs, app.state.tickets, app.state.outbox = working.runner, working.tickets, working.outbox
        app.state.adapters = working.adapters
        app.state.sources = SourcesService(core.library, core.indexer, working.reindexing)
        app.state.index_queue = IndexQueue(core.database, working.runner)
        app.state.source_registry = SourceRegistry(settings, core.database, core.catalog)
        app.state.revisions_service = RevisionsService(settings, core.catalog, core.revisions)
        app.state.releases = ReleasesService(settings, core.database, core.catalog, core.revisions, models)
        starting = asyncio.gather(_open_index(core, readiness), _start_model(model, readiness))
        try:
            yield
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)


async def _gate(settings: Settings, core: Core, local_token: str) -> Gate:
    secret = await asyncio.to_thread(signing_secret, settings.auth, settings.data_dir)
    return Gate(
        sessions=Sessions(secret, settings.auth),
        keys=ApiKeys(core.database),
        sites=Sites(core.database),
        limits=RateLimits(core.database),
        rates=settings.limits,
        ticket_rates=settings.tickets.tickets_per_key,
        local_token=local_token,
    )


async def _open_index(core: Core, readiness: Readiness) -> None:
    """Open the serving revision; a data folder without a source of its own gets the handbook, as it is now."""
    try:
        # Where an index serves already, questions are answered from it while the handbook is read in anew.
        readiness.indexing = not await core.library.is_served()
        readiness.waiting["index"] = "the handbook is being indexed"
        report = await core.index_handbook(lambda _: None)
        if report is not None:
            log.info("handbook.indexed", files=report.files, embedded=report.embedded, seconds=report.seconds)
        await core.library.search("warm up")
        readiness.done("index")
    except DocentError as error:
        readiness.waiting["index"] = error.detail
        log.warning("index.not_ready", detail=error.detail)
    finally:
        readiness.indexing = False


async def _start_model(model: Model, readiness: Readiness) -> None:
    try:
        await model.start()
        readiness.done("engine")
    except DocentError as error:
        readiness.waiting["engine"] = error.detail
        log.warning("engine.not_ready", detail=error.detail)


_READYZ: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": {"status": "ready", "waiting": {}}}}},
    503: {
        "description": "Not ready: what is waited for, by name.",
        "content": {"application/json": {"example": {"status": "not ready", "waiting": {"engine": "not started yet"}}}},
    },
}


async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


async def readyz(request: Request) -> Response:
    """200 when questions can be answered; 503 names what is not ready."""
    missing = await _now_missing(request)
    waiting = missing | request.app.state.readiness.waiting  # what is being done about it says more
    status = "ready" if not waiting else "not ready"
    return JSONResponse({"status": status, "waiting": waiting}, 503 if waiting else 200)


async def _now_missing(request: Request) -> dict[str, str]:
    """What was ready once and is not now."""
    core: Core = request.app.state.core
    model: Model = request.app.state.model
    missing: dict[str, str] = {}
    if not await core.database.is_migrated():
        missing["migrations"] = "the database's schema is not the newest: run `docent migrate`"
    try:
        await core.library.current()
        if not request.app.state.readiness.indexing:  # while it does, questions are refused
            request.app.state.readiness.done("index")
    except DocentError as error:
        missing["index"] = error.detail
    try:
        await model.client.ready()
        request.app.state.readiness.done("engine")
        request.app.state.readiness.engine_trouble = ""
    except DocentError as error:
        # The detail names the endpoint, which is nobody's business who has no token.
        if error.detail != request.app.state.readiness.engine_trouble:  # whoever watches asks several times a second
            log.warning("engine.not_ready", detail=error.detail)
        request.app.state.readiness.engine_trouble = error.detail
        missing["engine"] = "the model does not answer: is it running? The log names it"
    return missing


async def metrics(request: Request) -> Response:
    """Counters and timings for Prometheus: with an admin key, unless they are public."""
    if not request.app.state.settings.server.public_metrics:
        gate: Gate = request.app.state.gate
        await gate.admit(request, "admin")
    counted: Metrics = request.app.state.metrics
    return Response(counted.text(), media_type=CONTENT_TYPE)
