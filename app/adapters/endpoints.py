"""Webhooks of the systems that tickets come from: each is let in by its own signature."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from app.adapters.discourse import inbound as discourse
from app.adapters.github import inbound as github
from app.adapters.registry import Adapters
from app.adapters.zendesk import inbound as zendesk
from app.auth.gate import Gate
from app.config import Settings
from app.errors import Unauthorized
from app.problems import problem_responses


def configured(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def adapters(request: Request) -> Adapters:
    opened: Adapters = request.app.state.adapters
    return opened


Configured = Annotated[Settings, Depends(configured)]
Opened = Annotated[Adapters, Depends(adapters)]
router = APIRouter(prefix="/api/v1/adapters", tags=["adapters"], responses=problem_responses(401, 413, 422, 429))


def _hook(example: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The description of a webhook, whose body is checked against its signature before it is read."""
    schema = {"type": "object", "description": "As the other system documents it."}
    return {
        "parameters": [
            {"name": name.replace("_", "-"), "in": "header", "description": what, "schema": {"type": "string"}}
            for name, what in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
    }


_GITHUB = _hook(
    {
        "action": "opened",
        "repository": {"full_name": "octo/lamp"},
        "issue": {
            "number": 7,
            "node_id": "I_kwDOABCD",
            "title": "Where are the log files?",
            "body": "I cannot find them.",
            "user": {"login": "octocat", "id": 1, "type": "User"},
        },
    },
    X_GitHub_Event="`issues`, `issue_comment`, `discussion` or `discussion_comment`; others are ignored.",
    X_Hub_Signature_256="`sha256=` and the HMAC of the body in hexadecimal.",
)
_ZENDESK = _hook(
    {
        "event": "created",
        "ticket_id": "35436",
        "requester_id": "20978392",
        "comment_public": "true",
        "author_role": "end-user",
        "subject": "Where are the log files?",
        "comment": "I cannot find them.",
    },
    X_Zendesk_Webhook_Signature="HMAC-SHA256 of time and body in base64.",
    X_Zendesk_Webhook_Signature_Timestamp="When it was signed.",
)
_DISCOURSE = _hook(
    {
        "post": {
            "id": 12,
            "topic_id": 5,
            "post_number": 1,
            "post_type": 1,
            "user_id": 3,
            "username": "visitor",
            "cooked": "<p>Where are the log files?</p>",
            "topic_title": "Log files",
        }
    },
    X_Discourse_Event="`post_created`, `topic_closed_status_updated` and others.",
    X_Discourse_Event_Signature="`sha256=` and the HMAC of the body in hexadecimal.",
)


@router.post("/github", status_code=204, openapi_extra=_GITHUB)
async def github_hook(request: Request, settings: Configured, opened: Opened) -> None:
    """Webhook of a repository or an organisation: issues, discussions and their comments."""
    body = await request.body()
    async with _guesses_counted(request):
        events = github.events(request.headers, body, settings.github)
    await opened.take_in("github", events)


@router.post("/zendesk", status_code=204, openapi_extra=_ZENDESK)
async def zendesk_hook(request: Request, settings: Configured, opened: Opened) -> None:
    """Webhook that a Zendesk trigger calls."""
    body = await request.body()
    async with _guesses_counted(request):
        events = zendesk.events(request.headers, body, settings.zendesk)
    await opened.take_in("zendesk", events)


@router.post("/discourse", status_code=204, openapi_extra=_DISCOURSE)
async def discourse_hook(request: Request, settings: Configured, opened: Opened) -> None:
    """Webhook of a Discourse forum: topics and posts."""
    body = await request.body()
    async with _guesses_counted(request):
        events = discourse.events(request.headers, body, settings.discourse)
    await opened.take_in("discourse", events)


@asynccontextmanager
async def _guesses_counted(request: Request) -> AsyncIterator[None]:
    """Whoever guesses at a signature is limited by address."""
    try:
        yield
    except Unauthorized:
        gate: Gate = request.app.state.gate
        await gate.count(request)
        raise
