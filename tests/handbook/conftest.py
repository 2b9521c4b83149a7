from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient

from app.handbook import endpoints
from app.handbook.folder import Handbook
from app.metrics import Metrics
from app.middleware import RequestContext
from app.problems import install_problem_handlers

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Stands in for the widget: remembers what it was asked.
WIDGET = "window.Docent = { open() {}, close() {}, ask(question) { document.body.dataset.asked = question; } };"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def handbook_app(
    folder: Path, site_key: str = "site_0123", waiting: tuple[str, ...] = (), own_docs: bool = False
) -> FastAPI:
    """The handbook's pages alone, with the service's headers and problem documents."""
    app = FastAPI()
    app.state.handbook = Handbook(folder)
    app.state.own_site = site_key
    app.state.readiness = SimpleNamespace(waiting=dict.fromkeys(waiting, "not yet"))
    app.state.core = SimpleNamespace(has_own_docs=AsyncMock(return_value=own_docs))
    app.include_router(endpoints.router)
    app.add_api_route("/widget.js", lambda: Response(WIDGET, media_type="text/javascript"))
    app.mount("/static", StaticFiles(directory=ROOT / "static"), name="static")
    install_problem_handlers(app)
    app.add_middleware(RequestContext, metrics=Metrics())
    return app


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """A small handbook, beside a file that is none of it."""
    folder = tmp_path / "guide"
    pages = {
        "index.md": "---\ntitle: Lamp\ndescription: All about it.\n---\n# Lamp\n\n"
        "[Set up](how-to/set-up.md), then [Codes](reference/codes.md).\n",
        "how-to/clean.md": "# Clean it\n\nWith a dry cloth.\n",
        "how-to/set-up.md": "---\ntitle: Set up\ndescription: First steps.\n---\n# Set up\n\nPlug it in.\n",
        "reference/codes.md": "---\ntitle: Codes\n---\n# Codes\n\nSee [the start](../index.md#lamp).\n",
        "images/lamp.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
        "images/notes.txt": "not an image",
        "../secret.md": "# Secret\n\nhidden words\n",
    }
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def client(guide: Path) -> Iterator[TestClient]:
    with TestClient(handbook_app(guide), follow_redirects=False) as client:
        yield client
