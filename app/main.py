"""The HTTP service."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from app.answering.answerer import Answerer
from app.chat import endpoints as chat_endpoints
from app.chat.service import ChatService
from app.config import Settings
from app.errors import DocentError
from app.llm.model import Model, build_model
from app.local_service import LocalService
from app.middleware import BodyLimit, LoopbackHosts, RequestContext
from app.problems import install_problem_handlers
from app.runtime import Core, open_core
from app.sources import endpoints as sources_endpoints
from app.sources.service import SourcesService

log = structlog.get_logger(__name__)

STATIC = Path(__file__).resolve().parent.parent / "static"
templates = Jinja2Templates(directory=Path(__file__).resolve().parent / "templates")

# Asked of the handbook, which a fresh install answers from.
STARTER_QUESTIONS = ["How do I index my own docs?", "Does anything leave my machine?", "When does Docent not answer?"]


@dataclass(slots=True)
class Readiness:
    """What is not ready, by name, with what is being done about it. Empty: all is."""

    waiting: dict[str, str] = field(default_factory=dict)

    def done(self, name: str) -> None:
        self.waiting.pop(name, None)


def create_app(settings: Settings, service: LocalService | None = None) -> FastAPI:
    """The application.

    service: how the command line reaches it; without one nobody knows the token that the admin routes want.
    """
    app = FastAPI(
        title="Docent",
        description="Answers from your documentation, with the sentence each answer stands on.",
        version="0.1.0",
        lifespan=lambda app: _lifespan(app, settings),
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.token = service.token if service else secrets.token_urlsafe(32)
    app.state.readiness = Readiness({"migrations": "not run yet", "index": "not open yet", "engine": "not started yet"})
    app.include_router(chat_endpoints.router)
    app.include_router(sources_endpoints.router)
    app.add_api_route("/livez", livez, tags=["health"])
    app.add_api_route("/readyz", readyz, tags=["health"])
    app.add_api_route("/", page, response_class=HTMLResponse, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, limit=settings.server.max_body_bytes)
    app.add_middleware(LoopbackHosts)
    app.add_middleware(RequestContext)
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
        app.state.sources = SourcesService(core.catalog, core.library, core.indexer)
        app.state.chat = ChatService(settings, core.database, Answerer(settings.answering, core.library, model.client))
        starting = asyncio.gather(_open_index(core, readiness), _start_model(model, readiness))
        try:
            yield
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)


async def _open_index(core: Core, readiness: Readiness) -> None:
    """Open the serving revision; a data folder without a source of its own gets the handbook, as it is now."""
    try:
        readiness.waiting["index"] = "the handbook is being indexed"
        report = await core.index_handbook(lambda _: None)
        if report is not None:
            log.info("handbook.indexed", files=report.files, embedded=report.embedded, seconds=report.seconds)
        await core.library.search("warm up")
        readiness.done("index")
    except DocentError as error:
        readiness.waiting["index"] = error.detail
        log.warning("index.not_ready", detail=error.detail)


async def _start_model(model: Model, readiness: Readiness) -> None:
    try:
        await model.start()
        readiness.done("engine")
    except DocentError as error:
        readiness.waiting["engine"] = error.detail
        log.warning("engine.not_ready", detail=error.detail)


async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


async def readyz(request: Request) -> Response:
    """200 when questions can be answered; 503 names what is not ready."""
    waiting = dict(request.app.state.readiness.waiting)
    waiting.update(await _now_missing(request))
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
        request.app.state.readiness.done("index")
    except DocentError as error:
        missing["index"] = error.detail
    try:
        await model.client.ready()
        request.app.state.readiness.done("engine")
    except DocentError as error:
        missing["engine"] = error.detail
    return missing


async def page(request: Request) -> Response:
    """The question form."""
    waiting = request.app.state.readiness.waiting
    context = {"title": "Docent", "suggestions": STARTER_QUESTIONS, "ready": not waiting}
    return templates.TemplateResponse(request, "index.html", context)
