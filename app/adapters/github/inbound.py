"""GitHub's webhooks to events. Source of the signature: docs.github.com, Validating webhook deliveries."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from pydantic import ValidationError

from app.adapters.adapter import Added, Changed, Closed, Event, Opened
from app.adapters.github.marker import answer_id_of
from app.adapters.github.payload import Account, Payload, Thread
from app.config import GitHubSettings
from app.errors import InvalidInput, Unauthorized
from app.tickets.schemas import BODY_CHARS, LABELS, SUBJECT_CHARS, Origin, Said, TicketChange, TicketRequest

CHANNEL = "github"
_EVENTS = frozenset({"issues", "issue_comment", "discussion", "discussion_comment"})
_OPENED = frozenset({"opened", "created"})  # of an issue, of a discussion
_CLOSED = frozenset({"closed", "answered", "deleted", "transferred"})
_CHANGED = frozenset({"assigned", "unassigned", "labeled", "unlabeled", "edited", "reopened"})
_TEAM = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_LABEL_CHARS = 80


def events(headers: Mapping[str, str], body: bytes, settings: GitHubSettings) -> list[Event]:
    """What a delivery says; [] for what is no ticket's: other events, pull requests, bots, Docent's own doings.

    body: as it was received, byte for byte. A delivery that comes again gives the same ids again.
    Raises Unauthorized for a wrong signature, InvalidInput for what is not GitHub's JSON.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    _verify(lowered.get("x-hub-signature-256", ""), body, settings)
    event = lowered.get("x-github-event", "")
    if event not in _EVENTS:
        return []
    if not lowered.get("content-type", "application/json").lower().startswith("application/json"):
        raise InvalidInput("The webhook sends a form: choose application/json as its content type at GitHub")
    try:
        payload = Payload.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise InvalidInput(f"This is no payload of GitHub's {event} event ({where}: {first['msg']})") from error
    thread = payload.issue or payload.discussion
    if thread is None:
        raise InvalidInput(f"This is no payload of GitHub's {event} event (neither issue nor discussion is in it)")
    if thread.pull_request is not None or _is_own(payload.sender, settings):
        return []
    if event.endswith("_comment"):
        return _comment_events(event, payload, thread, settings)
    return _thread_events(payload, thread, settings)


def _verify(signature: str, body: bytes, settings: GitHubSettings) -> None:
    secret = settings.webhook_secret.get_secret_value()
    if not secret:
        raise Unauthorized("GitHub is not connected: set DOCENT_GITHUB__WEBHOOK_SECRET")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise Unauthorized(
            "X-Hub-Signature-256 does not fit: the webhook's secret has to be DOCENT_GITHUB__WEBHOOK_SECRET"
        )


def _thread_events(payload: Payload, thread: Thread, settings: GitHubSettings) -> list[Event]:
    external_id = _external_id(payload, thread)
    if payload.action in _OPENED:
        if _is_bot(thread.user):
            return []
        request = TicketRequest(
            external_id=external_id,
            channel=CHANNEL,
            subject=thread.title[:SUBJECT_CHARS],
            body=_text(thread.body) or thread.title or "-",
            requester=str(thread.user.id) if thread.user else "",
            labels=_labels(thread),
            assignee=_assignee(thread),
            mode=settings.mode,
        )
        return [Opened(request, _origin(payload, thread))]
    if payload.action in _CLOSED:
        return [Closed(external_id)]
    if payload.action in _CHANGED:
        change = TicketChange(assignee=_assignee(thread), labels=_labels(thread), subject=thread.title[:SUBJECT_CHARS])
        return [Changed(external_id, change)]
    return []


def _comment_events(event: str, payload: Payload, thread: Thread, settings: GitHubSettings) -> list[Event]:
    comment = payload.comment
    if comment is None:
        raise InvalidInput(f"This is no payload of GitHub's {event} event (no comment is in it)")
    body = _text(comment.body)
    ours = answer_id_of(comment.body) is not None or _is_own(comment.user, settings)
    if payload.action != "created" or ours or _is_bot(comment.user) or not body:
        return []
    asks = comment.user is not None and thread.user is not None and comment.user.id == thread.user.id
    is_agent = comment.author_association in _TEAM and not asks  # a member's own question stays a question
    author = str(comment.user.id) if comment.user else ""
    said = Said(role="agent" if is_agent else "requester", body=body)
    return [Added(_external_id(payload, thread), said, message_id=f"{event}/{comment.id}", author=author)]


def _external_id(payload: Payload, thread: Thread) -> str:
    separator = "#" if payload.issue else "/discussions/"
    return f"{payload.repository.full_name}{separator}{thread.number}"


def _origin(payload: Payload, thread: Thread) -> Origin:
    return {
        "kind": "issue" if payload.issue else "discussion",
        "repository": payload.repository.full_name,
        "number": thread.number,
        "node_id": thread.node_id,
    }


def _text(body: str | None) -> str:
    return (body or "").replace("\r\n", "\n").strip()[:BODY_CHARS]


def _labels(thread: Thread) -> list[str]:
    return [label.name[:_LABEL_CHARS] for label in thread.labels if label.name][:LABELS]


def _assignee(thread: Thread) -> str:
    return thread.assignees[0].login if thread.assignees else ""


def _is_bot(account: Account | None) -> bool:
    return account is not None and account.type == "Bot"


def _is_own(account: Account | None, settings: GitHubSettings) -> bool:
    return account is not None and account.login.lower() == settings.bot_login.lower() != ""
