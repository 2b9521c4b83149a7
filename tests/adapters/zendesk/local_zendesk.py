"""Zendesk's Ticketing API as far as Docent calls it, held to its documentation."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from tests.adapters.local_api import Answer, Request, violation

EMAIL, API_TOKEN = "docent@lumen.example", "6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv"
_BASIC = "Basic " + base64.b64encode(f"{EMAIL}/token:{API_TOKEN}".encode()).decode()
_TICKET = "/api/v2/tickets/35436"
_COMMENT_FIELDS = {"body", "html_body", "public", "author_id", "uploads"}


@dataclass
class LocalZendesk:
    """ticket: its changeable fields. comments: in order. failing: answers given first. meanwhile: an update by
    somebody else between Docent's look and its own update."""

    ticket: dict[str, Any] = field(default_factory=lambda: {"status": "new", "assignee_id": None})
    comments: list[dict[str, Any]] = field(default_factory=list)
    failing: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    meanwhile: bool = False
    updated_at: str = "2026-11-03T12:30:15Z"

    def says(self, text: str, at: str = "2026-11-03T12:30:15Z", *, public: bool = True, html_body: str = "") -> None:
        number = 1_564_245 + len(self.comments)
        self.comments.append(
            {
                "id": number,
                "type": "Comment",
                "author_id": 20_978_392,
                "body": text,
                "html_body": html_body or f'<div class="zd-comment" dir="auto">{text}</div>',
                "plain_body": text,
                "public": public,
                "attachments": [],
                "created_at": at,
            }
        )

    @property
    def updates(self) -> list[Request]:
        return [request for request in self.requests if request.method == "PUT"]

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.headers.get("authorization") != _BASIC:
            return Answer(401, {"error": "Couldn't authenticate you"})
        if request.headers.get("accept") != "application/json":
            return violation("accept")
        if self.failing:
            return self.failing.pop(0)
        known = {
            ("GET", f"{_TICKET}.json"): self._show,
            ("GET", f"{_TICKET}/comments.json"): self._list,
            ("PUT", f"{_TICKET}.json"): self._update,
        }
        gone = Answer(404, {"error": "RecordNotFound", "description": "Not found"})
        return known.get((request.method, request.path), lambda _: gone)(request)

    def _show(self, _: Request) -> Answer:
        ticket = {"id": 35_436, "subject": "Too bright at night", "updated_at": self.updated_at, **self.ticket}
        if self.meanwhile:
            self.updated_at, self.meanwhile = "2026-11-03T12:30:59Z", False
        return Answer(200, {"ticket": ticket})

    def _list(self, request: Request) -> Answer:
        if set(request.query) - {"page[size]", "page[after]", "page[before]", "sort", "include"}:
            return violation(f"query {request.query}")
        size = int(request.query.get("page[size]", 100))
        if not 1 <= size <= 100:
            return Answer(400, {"error": "InvalidPaginationParameter", "description": "page[size] is invalid"})
        start = int(request.query.get("page[after]", 0))
        end = start + size
        meta = {"has_more": end < len(self.comments), "after_cursor": str(end), "before_cursor": str(start)}
        return Answer(200, {"comments": self.comments[start:end], "meta": meta, "links": {"prev": None, "next": None}})

    def _update(self, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/json" or set(request.body) != {"ticket"}:
            return violation(f"body {request.body}")
        changes = request.body["ticket"]
        comment = changes.get("comment", {})
        texts = [comment[name] for name in ("body", "html_body") if name in comment]
        unknown = set(changes) - {"comment", "safe_update", "updated_stamp"} | set(comment) - _COMMENT_FIELDS
        if unknown or len(texts) != 1 or not isinstance(texts[0], str) or not isinstance(comment.get("public"), bool):
            return violation(f"ticket {changes}")
        if self.ticket["status"] == "closed":
            details = {"status": [{"description": "Status: closed prevents ticket update"}]}
            return Answer(
                422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details}
            )
        if changes.get("safe_update") and changes.get("updated_stamp") != self.updated_at:
            description = "Safe Update prevented the update due to outdated ticket data."
            return Answer(409, {"error": "UpdateConflict", "description": description})
        text = _Text.of(texts[0]) if "html_body" in comment else texts[0]
        self.says(text, "2026-11-03T12:31:00Z", public=comment["public"], html_body=texts[0])
        self.updated_at = "2026-11-03T12:31:00Z"
        events = [
            {"id": 9_000_001, "type": "Change", "field_name": "status"},
            {"id": self.comments[-1]["id"], "type": "Comment", "public": comment["public"], "html_body": texts[0]},
        ]
        return Answer(200, {"ticket": {"id": 35_436, **self.ticket}, "audit": {"id": 9_000_000, "events": events}})


class _Text(HTMLParser):
    """The plain text of a comment: its blocks on lines of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        self.text += "\n\n" if tag in {"p", "li", "pre", "h1", "h2"} else ""

    @classmethod
    def of(cls, html_body: str) -> str:
        parser = cls()
        parser.feed(html_body)
        return re.sub(r"\n{3,}", "\n\n", parser.text).strip()
