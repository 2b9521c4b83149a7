"""Errors over HTTP: every one leaves as a problem document (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.errors import DocentError

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(error: DocentError) -> dict[str, Any]:
    """The problem document of `error`. `type` is a URN, for there is no page behind it."""
    return {
        "type": f"urn:docent:problem:{error.kind}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        **error.members,
    }


def problem_response(error: DocentError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse(problem(error), error.status, headers=headers, media_type=MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(DocentError, _docent_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _docent_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DocentError)  # noqa: S101  (registered for it)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", kind=error.kind, detail=error.detail)
    return problem_response(error)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problems = [{"at": ".".join(str(part) for part in one["loc"]), "problem": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{one['at']}: {one['problem']}" for one in problems[:3])
    body = {
        "type": "urn:docent:problem:invalid-input",
        "title": "Invalid input",
        "status": 422,
        "detail": detail,
        "errors": problems,
    }
    return JSONResponse(body, 422, media_type=MEDIA_TYPE)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    body = {
        "type": f"urn:docent:problem:{kind}",
        "title": status.phrase,
        "status": error.status_code,
        "detail": str(error.detail),
    }
    return JSONResponse(body, error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


async def _unexpected(_: Request, error: Exception) -> Response:
    log.error("request.crashed", error=type(error).__name__, exc_info=error)
    return problem_response(DocentError("something went wrong here; the log has it under this request's id"))
