"""Calls to a ticket system's API: whatever goes wrong ends in PublishFailed, which knows if another try may help."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.adapters.adapter import PublishFailed

CONFLICT = 409
_TRY_AGAIN = frozenset({408, CONFLICT, 425, 429})
_LONGEST_WAIT = 86_400

# Seconds to wait after a refusal that names no Retry-After; None: the status alone decides.
Wait = Callable[[httpx.Response], int | None]


def no_wait(_: httpx.Response) -> int | None:
    return None


class Calls:
    """A ticket system's API behind one client, which it closes. Redirects are not followed: they lead the token away.

    name: of the system, for errors. hints: what to do about a status, as the end of a sentence.
    """

    def __init__(self, name: str, client: httpx.AsyncClient, *, hints: Mapping[int, str], wait: Wait = no_wait) -> None:
        self._name, self._client, self._hints, self._wait = name, client, hints, wait

    async def json(
        self, method: str, url: str, *, params: Mapping[str, str | int] | None = None, body: object = None
    ) -> tuple[dict[str, Any] | list[Any], httpx.Response]:
        """The JSON of a 2xx answer, and the answer. Raises PublishFailed."""
        try:
            answer = await self._client.request(method, url, params=params, json=body)
        except httpx.RequestError as error:  # no connection, no answer in time, or one that cannot be decoded
            raise PublishFailed(
                f"{self._name} is not reached ({type(error).__name__}): see to the network or wait", retryable=True
            ) from error
        except httpx.InvalidURL as error:
            raise PublishFailed(f"{self._name} has no valid address: see to its URL", retryable=False) from error
        if not answer.is_success:
            raise self._refused(answer)
        try:
            found = answer.json()
        except ValueError as error:
            raise self.odd() from error
        if not isinstance(found, dict | list):
            raise self.odd()
        return found, answer

    def odd(self) -> PublishFailed:
        """For an answer that is not what the API documents: a proxy's page, a half-started server."""
        return PublishFailed(
            f"{self._name} answers what its API does not document: wait, or see to its URL", retryable=True
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    def _refused(self, answer: httpx.Response) -> PublishFailed:
        status = answer.status_code
        seconds = _retry_after(answer.headers.get("retry-after", ""))
        seconds = self._wait(answer) if seconds is None else seconds
        # A wait that is named makes a refusal passing, be it a 403; it says nothing about a 404.
        passing = status in _TRY_AGAIN or status >= 500 or (status == 403 and seconds is not None)
        if passing:
            hint = f"it is tried again in {seconds} s" if seconds is not None else "it is tried again"
        elif answer.is_redirect:
            hint = "what is written to has moved, see to its address"
        else:
            hint = self._hints.get(status, "see to the adapter's settings")
        detail = f"{self._name} answers {status} to {answer.request.method} {answer.request.url.path}: {hint}"
        return PublishFailed(detail, retryable=passing, retry_after=seconds if passing else None)


def _retry_after(header: str) -> int | None:
    """Seconds of a Retry-After header (RFC 9110: seconds or a date), a day at most; None: no wait is named."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(int(header[:9]), _LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:  # what a date with the zone -0000 becomes
        date = date.replace(tzinfo=UTC)
    seconds = math.ceil((date - datetime.now(UTC)).total_seconds())
    return min(max(seconds, 0), _LONGEST_WAIT)
