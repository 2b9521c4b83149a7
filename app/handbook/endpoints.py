"""The handbook in the browser: the start page at /, the other pages and the images below /handbook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from app.errors import NotFound
from app.handbook.folder import Handbook
from app.handbook.pages import IMAGES, Edition, Page
from app.runtime import HANDBOOK_URL, Core

# Asked of the handbook, which a fresh install answers from.
STARTER_QUESTIONS = ["How do I index my own docs?", "Does anything leave my machine?", "When does Docent not answer?"]

router = APIRouter(include_in_schema=False)
_templates = Jinja2Templates(directory=Path(__file__).resolve().parent.parent / "templates")
_READ = ["GET", "HEAD"]


def current_edition(request: Request) -> Edition:
    handbook: Handbook = request.app.state.handbook
    return handbook.edition()


CurrentEdition = Annotated[Edition, Depends(current_edition)]


@router.api_route("/", methods=_READ)
async def start(request: Request, edition: CurrentEdition) -> Response:
    """The start page, with questions for the widget as long as the handbook is what it answers from."""
    core: Core = request.app.state.core
    starters = () if await core.has_own_docs() else STARTER_QUESTIONS
    return _page(request, edition, edition.start(), starters)


@router.api_route(f"{HANDBOOK_URL}/{IMAGES}/{{name:path}}", methods=_READ)
def image(name: str, edition: CurrentEdition) -> Response:
    return FileResponse(edition.image(name), headers={"Cache-Control": "no-cache"})


@router.api_route(f"{HANDBOOK_URL}/{{path:path}}", methods=_READ)
def page(path: str, request: Request, edition: CurrentEdition) -> Response:
    """A page; where it is served under another path, a redirection there."""
    try:
        found = edition.at(path)
    except NotFound:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return _templates.TemplateResponse(request, "handbook.html", _frame(request, edition), status_code=404)
    if unquote(found.url) != f"{HANDBOOK_URL}/{path}":
        return RedirectResponse(found.url)
    return _page(request, edition, found)


def _page(request: Request, edition: Edition, page: Page, starters: Sequence[str] = ()) -> Response:
    previous, following = edition.neighbours(page)
    context = {
        "page": page,
        "rendered": edition.rendered(page),
        "previous": previous,
        "following": following,
        "starters": starters,
        **_frame(request, edition),
    }
    return _templates.TemplateResponse(request, "handbook.html", context, headers={"Cache-Control": "no-cache"})


def _frame(request: Request, edition: Edition) -> dict[str, Any]:
    """What stands around every page. site_key: of the widget, '' for none."""
    state = request.app.state
    return {"parts": edition.parts(), "site_key": state.own_site, "ready": not state.readiness.waiting}
