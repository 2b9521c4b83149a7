"""All routes of the service with a valid request for each, read from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from tests.chat.visiting import PORT

PUBLIC = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/chat/sites/{site_key}"),
    ("POST", "/api/v1/chat/sessions"),
}
# Of those that stand in no OpenAPI document.
UNLISTED = {
    "/",
    "/openapi.json",
    "/static",
    "/widget.js",
    "/widget/highlight.js",
    "/widget/strings/{language}.json",
    "/handbook/images/{name:path}",
    "/handbook/{path:path}",
}
GIT_SOURCE = "lamp"
_SOURCE = {"kind": "folder", "include": ["*.md"], "base_url": "https://docs.example.org/", "schedule": "*/30 * * * *"}


@dataclass(frozen=True, slots=True)
class Operation:
    """method: upper case. path: with its parameters in braces."""

    method: str
    path: str

    @property
    def is_public(self) -> bool:
        return (self.method, self.path) in PUBLIC

    @property
    def is_signed(self) -> bool:
        """Whether a signature over the body opens it, and no token: see tests/adapters and tests/sources."""
        return self.path.startswith("/api/v1/adapters/") or self.path.endswith("/push")

    @property
    def scope(self) -> str:
        """Who may call it: session, chat, tickets or admin."""
        if self.path.startswith("/v1/"):
            return "chat"
        if self.path.startswith("/api/v1/tickets"):
            return "tickets"
        return "session" if self.path.startswith("/api/v1/chat/") else "admin"


def operations(app: FastAPI) -> list[Operation]:
    return [
        Operation(method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if method in {"get", "put", "post", "delete", "patch", "head", "options"}
    ]


def takes_body(app: FastAPI, operation: Operation) -> bool:
    return "requestBody" in app.openapi()["paths"][operation.path][operation.method.lower()]


def bodies(site: str, session: str, conversation_id: str, docs: str) -> dict[str, dict[str, Any]]:
    """A valid body for each route that takes one, by its path."""
    return {
        "/api/v1/chat/sessions": {"site_key": site, "session": session},
        "/api/v1/chat/messages": {"question": PORT, "conversation_id": conversation_id, "message_id": None},
        "/api/v1/chat/answers/{answer_id}/feedback": {"rating": "up", "comment": "good"},
        "/api/v1/chat/conversations/{conversation_id}/escalation": {"contact": "me@example.org", "message": "help"},
        "/api/v1/tickets": {"body": PORT, "subject": "Ports", "labels": ["port"], "mode": "auto", "callback_url": None},
        "/api/v1/tickets/{ticket_id}": {"assignee": "agent-1", "labels": ["port"]},
        "/api/v1/tickets/{ticket_id}/messages": {"role": "agent", "body": "I look into it.", "format": "text"},
        "/api/v1/tickets/{ticket_id}/outcome": {"outcome": "edited", "text": "It is 7070.", "by": "agent-1"},
        "/api/v1/adapters/github": {"action": "opened"},
        "/api/v1/adapters/zendesk": {"event": "created"},
        "/api/v1/adapters/discourse": {"post": {"id": 1}},
        "/api/v1/admin/index": {"paths": [docs], "base_url": None, "rebuild": False},
        "/api/v1/admin/sources": {**_SOURCE, "name": "kettle", "location": f"{docs}-of-nobody"},
        "/api/v1/admin/sources/test": {**_SOURCE, "name": "kettle", "location": docs},
        "/api/v1/admin/sources/{name}": {
            "exclude": ["drafts/"],
            "product_version": "2",
            "schedule": "0 3 * * *",
            "probes": [{"question": PORT, "path": "start.md"}],
        },
        "/api/v1/admin/reindex": {"sources": [GIT_SOURCE], "full": False, "dry_run": True, "force": False},
        "/api/v1/admin/index/rollback": {"revision": None},
        "/api/v1/admin/releases": {"gate": {"passed": True}, "thresholds": {"reply_threshold": 0.5}, "note": "tuned"},
        "/api/v1/sources/{name}/push": {"ref": "refs/heads/main"},
        "/v1/chat/completions": {
            "model": "docent",
            "messages": [{"role": "user", "content": PORT}],
            "stream": False,
            "temperature": 0.5,
            "stop": ["never"],
            "max_tokens": 100,
        },
    }


def path_values(site: str, answer_id: str, conversation_id: str, ids: dict[str, str]) -> dict[str, str]:
    """A valid value for each parameter in a path. ids: of a ticket, its job and its callback."""
    return {
        **ids,
        "site_key": site,
        "answer_id": answer_id,
        "conversation_id": conversation_id,
        "name": GIT_SOURCE,
        "model_id": "docent",
    }


def unlisted(app: FastAPI) -> Iterator[Operation]:
    """The routes that the OpenAPI document leaves out; what is mounted counts as a GET."""
    listed = set(app.openapi()["paths"])
    for route in _leaves(app.routes):
        for method in getattr(route, "methods", None) or ("GET",):
            if route.path not in listed:
                yield Operation(method, route.path)


def _leaves(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is None:
            yield route
        else:
            yield from _leaves(router.routes)
