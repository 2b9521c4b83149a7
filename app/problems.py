"""Errors over HTTP: every one leaves as a problem document (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.errors import DatabaseUnavailable, DocentError

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


class FieldProblem(BaseModel):
    at: str = Field(description="Where it stands: `body.subject`, `query.limit`.")
    problem: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:docent:problem:` and the kind, for programs.")
    title: str
    status: int
    detail: str = Field(description="One line that says what to do.")
    errors: list[FieldProblem] | None = Field(None, description="With 422: what is wrong with which field.")


# Status -> when, and kind, title and detail of an example.
_PROBLEMS: dict[int, tuple[str, str, str, str]] = {
    400: ("The body cannot be read, or what it asks for is not served.", "bad-request", "Bad Request",
          "There was an error parsing the body"),
    401: ("No token, or none of ours.", "unauthorized", "No valid token", "this needs a token"),
    403: ("The token is for something else.", "forbidden", "Forbidden", "this key is for chat, and this needs admin"),
    404: ("There is none of it.", "not-found", "Not found", "there is no such answer"),
    405: ("The route does not take this method.", "method-not-allowed", "Method Not Allowed", "Method Not Allowed"),
    409: ("It stands otherwise.", "ticket-conflict", "The ticket does not stand so",
          "the ticket has version 2 now: read it again, and send that one"),
    413: ("The body is too large.", "body-too-large", "The request is too large",
          "the request's body is larger than 64000 bytes: send less"),
    421: ("The Host is none of this service.", "foreign-host", "Not a host of this service",
          "this service does not answer to that name: DOCENT_SERVER__HOSTS lists those it does"),
    422: ("Something in the request is not as it has to be; `detail` says what.", "invalid-input", "Invalid input",
          "query.limit: Input should be less than or equal to 100"),
    429: ("Too many requests: wait as long as Retry-After says.", "rate-limited", "Too many requests",
          "more than 600 requests of an address in 60 seconds: try again in 12 seconds"),
    500: ("Something unexpected; the log has it under the request's id.", "internal", "Internal error",
          "something went wrong here; the log has it under this request's id"),
    502: ("What stands behind the service failed.", "bad-gateway", "Bad Gateway", "Bad Gateway"),
    503: ("Not ready; Retry-After says when to come back, where it is known.", "not-ready", "Not ready yet",
          "the documentation is still being read in: ask again in a moment"),
}  # fmt: skip
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
EVERYWHERE = (413, 421, 500)  # of what every request passes, whatever its route


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI description of routes: each status with its problem document and an example."""
    return {status: _problem_response(status) for status in statuses}


def _problem_response(status: int) -> dict[str, Any]:
    when, kind, title, detail = _PROBLEMS[status]
    example = {"type": f"urn:docent:problem:{kind}", "title": title, "status": status, "detail": detail}
    schema = {"$ref": "#/components/schemas/Problem"}  # which app.description adds
    described: dict[str, Any] = {
        "description": when,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        described["headers"] = RETRY_AFTER
    return described


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(DocentError, _docent_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(away, _database_away)
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


async def _database_away(_: Request, error: Exception) -> Response:
    """The database is restarted, locked for too long, or cannot be reached. Its address is in the log alone."""
    log.warning("database.away", error=type(error).__name__, detail=str(error.__cause__ or error).splitlines()[0])
    return problem_response(DatabaseUnavailable("the database does not answer: try again in a moment", retry_after=5))


async def _unexpected(_: Request, error: Exception) -> Response:
    log.error("request.crashed", error=type(error).__name__, exc_info=error)
    return problem_response(DocentError("something went wrong here; the log has it under this request's id"))
