"""Pages from templates, with the headers that all of them send, and errors as pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from app.admin_pages.access import NotSignedIn, Operator, sign_in_url
from app.errors import DocentError, InvalidInput

log = structlog.get_logger(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
}
# What a page says was done; its address names it, so that nobody can put words of theirs on a page.
SAID = {
    "signed-out": "You are signed out.",
    "queued": "The job was queued.",
    "cancelled": "The job is being cancelled: it ends within seconds.",
    "retried": "The job is run again.",
    "saved": "The source is saved. Reindex it to bring its documents into service.",
    "rolled-back": "The revision serves now.",
    "redelivered": "The callback is delivered once more.",
}
_MINUTE, _HOUR = 60, 3600


def page(request: Request, template: str, status: int = 200, **context: object) -> Response:
    signed_in: Operator | None = getattr(request.state, "operator", None)
    frame = {
        "operator": signed_in,
        "said": SAID.get(request.query_params.get("said", ""), ""),
        "handbook": request.app.state.settings.server.start_page,
    }
    return _templates.TemplateResponse(request, template, {**frame, **context}, status_code=status)


def see_other(url: str, said: str = "") -> Response:
    """To the page that shows what a form has done."""
    return RedirectResponse(f"{url}?said={said}" if said else url, 303)


class AdminRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_with_headers(request: Request) -> Response:
            try:
                response = await handle(request)
            except NotSignedIn as error:
                response = see_other(sign_in_url(error.following))
            except RequestValidationError as error:
                wrong = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()[:3])
                response = error_page(request, InvalidInput(wrong))
            except DocentError as error:
                response = error_page(request, error)
            response.headers.update(HEADERS)
            return response

        return handle_with_headers


def error_page(request: Request, error: DocentError) -> Response:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", kind=error.kind, detail=error.detail)
    response = page(request, "error.html", error.status, error=error)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def router() -> APIRouter:
    return APIRouter(include_in_schema=False, route_class=AdminRoute)


def _moment(value: datetime | None, otherwise: str = "–") -> str:
    """A time in UTC, exact to a second for programs and to a minute for readers."""
    if value is None:
        return otherwise
    value = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{value:%Y-%m-%dT%H:%M:%SZ}", f"{value:%Y-%m-%d %H:%M}")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"


def _number(value: object) -> str:
    """A number with its thousands apart; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _pretty(value: object) -> str:
    """JSON to be read; text that is none as it is."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    return json.dumps(parsed, ensure_ascii=False, indent=2)


def _is_link(url: object) -> bool:
    """Whether an address from outside may be a link: of the web, or of this service."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme in {"http", "https"} and bool(parts.netloc)
    return str(url).startswith("/") and not str(url).startswith(("//", "/\\"))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=_moment, duration=_duration, number=_number, pretty=_pretty)
    environment.tests["link"] = _is_link
    return environment


_templates = Jinja2Templates(env=_environment())
