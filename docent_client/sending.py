"""What both clients do with a call before and after it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from docent_client.calls import Call
from docent_client.errors import DocentError, error_of_response
from docent_client.retrying import Patience

T = TypeVar("T")
_AGENT = {"User-Agent": "docent-client"}


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is, and how long to bear with it.

    key: API key; '' for what is public. timeout: seconds for a connection, and for each piece of a response.
    retry_seconds: how long a call that failed is sent again.
    """

    url: str
    key: str
    timeout: float
    retry_seconds: float

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """Arguments for `build_request` of both of httpx's clients."""
        token = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {
            "method": call.method,
            "url": self.url.rstrip("/") + call.path,
            "params": dict(call.query),
            "json": call.body,
            "headers": {**_AGENT, **token, **call.headers},
            "timeout": httpx.Timeout(self.timeout, read=self.timeout + call.seconds),
        }

    def patience(self) -> Patience:
        return Patience(self.retry_seconds)


def read(call: Call[T], response: httpx.Response) -> T:
    """What a response that was read says. Raises DocentError."""
    if not response.is_success and response.status_code not in call.accepted:
        raise error_of_response(response)
    try:
        return call.read(response.content)
    except ValueError as error:
        detail = f"{call.method} {call.path} gave what is none of Docent's: is the address right?"
        raise DocentError(response.status_code, "unexpected-response", detail) from error
