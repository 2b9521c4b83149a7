"""What can go wrong: one exception for every failed call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

_TYPE = "urn:docent:problem:"


class DocentError(Exception):
    """A call that failed.

    status: of the response; None where none came. kind: the last part of the problem's type, such as `not-found`;
    `connection` where no response came. retry_after: seconds, where the service names them. problem: the whole
    problem document, as it was sent.
    """

    def __init__(
        self,
        status: int | None,
        kind: str,
        detail: str,
        *,
        retry_after: int | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        self.problem = dict(problem or {})

    def __str__(self) -> str:
        return f"{self.status or 'no response'} {self.kind}: {self.detail}"


class CallbackInvalid(ValueError):
    """A callback that Docent did not sign, or signed too long ago: answer it with 401, and do nothing."""


def error_of_response(response: httpx.Response) -> DocentError:
    """Of a response that was read. What is no problem document, such as a proxy's page, is named by its status."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    after = response.headers.get("retry-after", "")
    retry_after = int(after) if after.isascii() and after.isdigit() else None
    if not isinstance(problem, dict) or not str(problem.get("type", "")).startswith(_TYPE):
        detail = f"{response.request.url.host} gave {response.status_code} {response.reason_phrase}"
        return DocentError(response.status_code, f"http-{response.status_code}", detail, retry_after=retry_after)
    return error_of_problem(problem, retry_after)


def error_of_problem(problem: Mapping[str, Any], retry_after: int | None = None) -> DocentError:
    kind = str(problem["type"]).removeprefix(_TYPE)
    return DocentError(int(problem["status"]), kind, str(problem["detail"]), retry_after=retry_after, problem=problem)


def error_of_connection(error: httpx.TransportError) -> DocentError:
    return DocentError(None, "connection", f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
