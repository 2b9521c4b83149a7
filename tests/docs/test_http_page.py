"""The HTTP page and the guides of the service say what its routes are, whom they let in, and what they answer."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from prometheus_client.metrics import MetricWrapperBase

from app.answering.answer import AnswerCitation, AnswerCompleted, AnswerDelta, AnswerFailed, AnswerStarted
from app.chat import widget
from app.chat.schemas import AskRequest, FeedbackBody
from app.config import LimitSettings, Settings, parse_rates
from app.db import open_database
from app.errors import DocentError
from app.handbook import endpoints as handbook
from app.index.catalog import Catalog
from app.main import _gate, create_app
from app.metrics import Metrics
from app.openai_api.schemas import ChatCompletionRequest
from app.sources.registry import SourceRegistry
from app.sources.specification import ReindexBody
from app.tickets.schemas import OutcomeRequest, Said, TicketChange, TicketRequest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference/http-api.md").read_text(encoding="utf-8")
ORIGIN = "https://docs.example.org"
IDS = {
    "answer_id": f"ans_{'a' * 24}",
    "conversation_id": f"conv_{'c' * 24}",
    "ticket_id": f"tkt_{'d' * 24}",
    "job_id": f"job_{'e' * 24}",
    "callback_id": f"msg_{'f' * 24}",
}
# Who is let in, by the words of the column Needs.
LET_IN = {
    "nothing": {"nobody", "visitor", "chat", "tickets", "admin"},
    "a page of the site": set(),
    "a signed call": set(),
    "chat": {"visitor", "chat"},
    "chat key": {"chat"},
    "tickets": {"tickets"},
    "admin": {"admin"},
}

ROUTES = re.findall(r"^\| `(GET|POST|PUT|PATCH|DELETE) (/[^`]*)` \| .* \| ([a-z ]+) \|$", PAGE, re.MULTILINE)


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of every route, those that OpenAPI does not show as well."""
    shown = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    unseen = {("GET", getattr(one, "path", "")) for one in (*widget.router.routes, *handbook.router.routes)}
    own = {("GET", "/openapi.json"), ("GET", "/static/{file}")}
    return shown | own | {(method, path.replace(":path}", "}")) for method, path in unseen}


@pytest.fixture
async def callers(tmp_path: Path) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Clients by who they are, of an application with nothing behind its gate: who is let in gets a 500, or a 404."""
    settings = Settings(data_dir=tmp_path)
    app = create_app(settings)
    app.add_exception_handler(Exception, _behind_the_gate)
    database = open_database(settings)
    await database.migrate()
    core: Any = SimpleNamespace(database=database)
    gate = app.state.gate = await _gate(settings, core, "local")
    app.state.adapters = None  # found before a signature is checked
    app.state.source_registry, app.state.index_queue = SourceRegistry(settings, database, Catalog(database)), None
    site = await gate.sites.create({"origins": [ORIGIN]})
    IDS["site_key"] = site.id
    tokens = {
        "nobody": "",
        "visitor": gate.sessions.issue(site.id, ORIGIN).token,
        "chat": (await gate.keys.create("tests", "chat")).token,
        "tickets": (await gate.keys.create("tests", "tickets")).token,
        "admin": (await gate.keys.create("tests", "admin")).token,
    }
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    yield {
        name: httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers={"Authorization": f"Bearer {token}"}
        )
        for name, token in tokens.items()
    }
    await database.close()


async def _behind_the_gate(_request: Request, _error: Exception) -> Response:
    return Response(status_code=500)


def test_http_page_has_every_route(tmp_path: Path) -> None:
    assert {(method, path) for method, path, _ in ROUTES} == routes_of(create_app(Settings(data_dir=tmp_path)))


async def test_http_page_says_whom_a_route_lets_in(callers: dict[str, httpx.AsyncClient]) -> None:
    for method, path, needs in ROUTES:
        url = re.sub(r"\{(\w+)\}", lambda name: IDS.get(name[1], "x"), path)
        body = {"json": {"site_key": IDS["site_key"]}} if method in {"POST", "PUT", "PATCH"} else {}
        statuses = {name: (await client.request(method, url, **body)).status_code for name, client in callers.items()}
        let_in = {name for name, status in statuses.items() if status not in {401, 403}}
        assert let_in == LET_IN[needs], f"{method} {path}: {statuses}"


def kinds_of_problems(error: type[DocentError]) -> Iterator[tuple[str, int]]:
    if error.__module__.startswith("app.") and error.__module__ != "app.llm.embedded.protocol":
        yield f"urn:docent:problem:{error.kind}", error.status
    for one in error.__subclasses__():
        yield from kinds_of_problems(one)


def test_http_page_has_every_problem_type() -> None:
    rows = re.findall(r"^\| `(urn:docent:problem:[^`]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert {(kind, int(status)) for kind, status in rows} == set(kinds_of_problems(DocentError))


def test_http_page_has_every_event_of_an_answer() -> None:
    rows = re.findall(r"^\| `(answer\.\w+)` \|", PAGE, re.MULTILINE)
    events = (AnswerStarted, AnswerDelta, AnswerCitation, AnswerCompleted, AnswerFailed)
    assert rows == [event.model_fields["event"].default for event in events]


# --- calls in the guides


def curl_calls() -> Iterator[tuple[str, str, str, str]]:
    """Page, method, path and body of each call of curl in the docs."""
    for page in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"^```bash\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line)
                if words[:1] != ["curl"]:
                    continue
                (url,) = [word for word in words if word.startswith("http")]
                body = words[words.index("-d") + 1] if "-d" in words else ""
                method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
                yield page.name, method, httpx.URL(url).path, body


def test_curl_calls_in_the_docs_fit_a_route() -> None:
    bodies = {
        "/api/v1/admin/reindex": ReindexBody,
        "/api/v1/chat/messages": AskRequest,
        "/api/v1/chat/answers/{answer_id}/feedback": FeedbackBody,
        "/v1/chat/completions": ChatCompletionRequest,
        "/api/v1/tickets": TicketRequest,
        "/api/v1/tickets/{ticket_id}": TicketChange,
        "/api/v1/tickets/{ticket_id}/messages": Said,
        "/api/v1/tickets/{ticket_id}/outcome": OutcomeRequest,
    }
    calls = list(curl_calls())
    assert len(calls) > 10
    for page, method, path, body in calls:
        patterns = [route for verb, route, _ in ROUTES if verb == method and _fits(route, path)]
        assert patterns, f"{page}: {method} {path}"
        if body:
            bodies[patterns[0]].model_validate(json.loads(body))


def _fits(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path) is not None


# --- metrics and limits


def test_monitor_page_has_every_metric() -> None:
    text = (DOCS / "how-to/monitor.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(docent_\w+)` \| (\w+) \| ?(.*?) \| ", text, re.MULTILINE)
    documented = {(name, kind, tuple(re.findall(r"\w+", labels))) for name, kind, labels in rows}
    assert documented == {
        (one._name + ("_total" if one._type == "counter" else ""), one._type, tuple(one._labelnames))
        for one in vars(Metrics()).values()
        if isinstance(one, MetricWrapperBase)
    }


def test_guide_has_every_limit_with_its_default() -> None:
    text = (DOCS / "how-to/serve-visitors.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `DOCENT_LIMITS__(\w+)` \| .* \| (.*) \|$", text, re.MULTILINE))
    in_words = {name.lower(): re.sub(r" an? ", "/", rates).replace(" and", "") for name, rates in rows.items()}
    assert {name: parse_rates(rates) for name, rates in in_words.items()} == {
        name: parse_rates(field.default) for name, field in LimitSettings.model_fields.items()
    }
