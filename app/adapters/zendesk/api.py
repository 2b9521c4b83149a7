"""Zendesk's Ticketing API as far as answers need it.

Source: developer.zendesk.com, Tickets (update, safe_update), Ticket Comments (cursor pagination), Rate limits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from app.adapters.outgoing import CONFLICT, Calls
from app.config import ZendeskSettings

_PAGE = 100
_AFTER_A_CONFLICT = 5  # seconds
_AFTER_A_LIMIT = 60  # its limits are by the minute
_SECONDS = 20.0
_HINTS = {
    401: "the sign-in is refused, see to DOCENT_ZENDESK__EMAIL and DOCENT_ZENDESK__API_TOKEN",
    403: "the agent may not write there, see to its role",
    404: "there is no such ticket, or the agent does not see it",
    422: "Zendesk does not take the comment: the ticket is closed, or full",
}


@dataclass(frozen=True, slots=True)
class ZendeskTicket:
    """updated_at: as Zendesk writes it, which is what a safe update sends back."""

    status: str
    assigned: bool
    updated_at: str


@dataclass(frozen=True, slots=True)
class Written:
    """A comment that stands there, as plain text."""

    id: int
    text: str
    created_at: datetime


class ZendeskApi:
    def __init__(self, settings: ZendeskSettings) -> None:
        self._tickets = f"{settings.subdomain_url}/api/v2/tickets"
        client = httpx.AsyncClient(
            auth=httpx.BasicAuth(f"{settings.email}/token", settings.api_token.get_secret_value()),
            headers={"accept": "application/json", "user-agent": "Docent"},
            timeout=_SECONDS,
        )
        self._calls = Calls("Zendesk", client, hints=_HINTS, wait=_wait)

    async def ticket(self, ticket_id: str) -> ZendeskTicket:
        found = await self._object("GET", f"{ticket_id}.json")
        try:
            ticket = found["ticket"]
            return ZendeskTicket(ticket["status"], ticket["assignee_id"] is not None, ticket["updated_at"])
        except (KeyError, TypeError) as error:
            raise self._calls.odd() from error

    async def comments(self, ticket_id: str) -> AsyncIterator[Written]:
        """All of them, public and internal, oldest first."""
        params: dict[str, str | int] = {"page[size]": _PAGE}
        more = True
        while more:
            found = await self._object("GET", f"{ticket_id}/comments.json", params=params)
            try:
                for comment in found["comments"]:
                    text = comment.get("plain_body") or comment["body"] or ""
                    yield Written(comment["id"], text, datetime.fromisoformat(comment["created_at"]))
                more = found["meta"]["has_more"]
                params["page[after]"] = found["meta"]["after_cursor"] or ""
            except (KeyError, TypeError, ValueError) as error:
                raise self._calls.odd() from error

    async def comment(self, ticket_id: str, html_body: str, *, public: bool, updated_at: str) -> int:
        """The new comment's id. Refused as a conflict, to be tried again, if the ticket changed since updated_at."""
        changes = {
            "comment": {"html_body": html_body, "public": public},
            "safe_update": True,
            "updated_stamp": updated_at,
        }
        found = await self._object("PUT", f"{ticket_id}.json", body={"ticket": changes})
        try:
            return next(int(event["id"]) for event in found["audit"]["events"] if event["type"] == "Comment")
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise self._calls.odd() from error

    async def aclose(self) -> None:
        await self._calls.aclose()

    async def _object(
        self, method: str, path: str, *, params: dict[str, str | int] | None = None, body: object = None
    ) -> dict[str, Any]:
        found, _ = await self._calls.json(method, f"{self._tickets}/{path}", params=params, body=body)
        if not isinstance(found, dict):
            raise self._calls.odd()
        return found


def _wait(answer: httpx.Response) -> int | None:
    return {CONFLICT: _AFTER_A_CONFLICT, 429: _AFTER_A_LIMIT}.get(answer.status_code)
