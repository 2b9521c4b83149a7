"""The widget's files: one script for a host page, and what it loads later from here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

_STATIC = Path(__file__).resolve().parent.parent.parent / "static"
_READ = ["GET", "HEAD"]
# Host pages of any origin load these files, also such that isolate themselves by Cross-Origin-Embedder-Policy.
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=600",
}

router = APIRouter(include_in_schema=False)
_files = StaticFiles(directory=_STATIC)


@router.api_route("/widget.js", methods=_READ)
async def script(request: Request) -> Response:
    return await _file("widget.js", request)


@router.api_route("/widget/highlight.js", methods=_READ)
async def highlight(request: Request) -> Response:
    return await _file("widget-highlight.js", request)


@router.api_route("/widget/strings/{language}.json", methods=_READ)
async def strings(language: Annotated[str, PathParameter(pattern=r"^[a-z]{2,3}$")], request: Request) -> Response:
    """The widget's texts in a language. A language that is not there is a 404, and the widget speaks English."""
    return await _file(f"strings/{language}.json", request)


async def _file(path: str, request: Request) -> Response:
    response = await _files.get_response(path, request.scope)
    response.headers.update(_HEADERS)
    return response
