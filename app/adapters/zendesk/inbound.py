"""Zendesk's trigger webhooks to events.

Source of the signature: developer.zendesk.com, Verifying webhook authenticity.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from app.adapters.adapter import Added, Changed, Closed, Event, Opened
from app.adapters.zendesk.payload import Payload
from app.adapters.zendesk.reference import answer_id_of
from app.config import ZendeskSettings
from app.errors import InvalidInput, Unauthorized
from app.tickets.schemas import BODY_CHARS, LABELS, SUBJECT_CHARS, Said, TicketChange, TicketRequest

CHANNEL = "zendesk"
_TOLERANCE = timedelta(minutes=5)  # between Zendesk's clock and ours, and for the way
_LABEL_CHARS = 80
_SHORT_CHARS = 200
_FALSE = frozenset({"", "false", "no", "0"})


def events(
    headers: Mapping[str, str], body: bytes, settings: ZendeskSettings, *, now: datetime | None = None
) -> list[Event]:
    """What a trigger's webhook says; [] for what Docent wrote itself.

    body: as it was received, byte for byte; `payload.TRIGGER_BODY` filled in. now: with a zone, for tests.
    Raises Unauthorized for a wrong or an old signature, InvalidInput for another body.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    _verify(lowered, body, settings, now or datetime.now(UTC))
    payload = _payload(body)
    if _is_own(payload, settings):
        return []
    match payload.event:
        case "created":
            return [Opened(_request(payload, settings), {"ticket_id": payload.ticket_id})]
        case "commented":
            return _said(payload, lowered.get("x-zendesk-webhook-invocation-id", ""))
        case "changed":
            return [_changed(payload)]
        case "solved":
            return [Closed(payload.ticket_id)]


def _verify(headers: Mapping[str, str], body: bytes, settings: ZendeskSettings, now: datetime) -> None:
    secret = settings.webhook_secret.get_secret_value()
    if not secret:
        raise Unauthorized("Zendesk is not connected: set DOCENT_ZENDESK__WEBHOOK_SECRET")
    timestamp = headers.get("x-zendesk-webhook-signature-timestamp", "")
    signature = headers.get("x-zendesk-webhook-signature", "")
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    if not hmac.compare_digest(signature.encode(), base64.b64encode(digest)):
        raise Unauthorized(
            "X-Zendesk-Webhook-Signature does not fit: copy the webhook's signing secret to "
            "DOCENT_ZENDESK__WEBHOOK_SECRET"
        )
    try:
        sent = datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise Unauthorized("X-Zendesk-Webhook-Signature-Timestamp is no time") from error
    if sent.tzinfo is None:
        sent = sent.replace(tzinfo=UTC)
    if abs(now - sent) > _TOLERANCE:
        raise Unauthorized("The signature is more than five minutes old or ahead: send it anew, or set the clock")


def _payload(body: bytes) -> Payload:
    try:
        # Not strict: line breaks of a comment may stand in the strings as they are.
        return Payload.model_validate(json.loads(body, strict=False))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise InvalidInput(f"The trigger's body does not fit ({where}: {first['msg']}): paste it anew") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The trigger's body is no JSON: paste it anew from the docs") from error


def _is_own(payload: Payload, settings: ZendeskSettings) -> bool:
    by_us = payload.updated_by.strip().lower() == settings.email.lower() != ""
    return by_us or (payload.event == "commented" and not _asks(payload) and answer_id_of(payload.comment) is not None)


def _request(payload: Payload, settings: ZendeskSettings) -> TicketRequest:
    return TicketRequest(
        external_id=payload.ticket_id,
        channel=CHANNEL,
        subject=payload.subject[:SUBJECT_CHARS],
        body=payload.comment.strip()[:BODY_CHARS] or payload.subject[:SUBJECT_CHARS] or "-",
        requester=payload.requester_id[:_SHORT_CHARS],
        labels=_labels(payload),
        locale=payload.locale[:_SHORT_CHARS],
        assignee=payload.assignee_id[:_SHORT_CHARS],
        mode=settings.mode,
    )


def _said(payload: Payload, invocation_id: str) -> list[Event]:
    """A public comment as a message; an internal note, which is the team's, as a sign that a person is at it."""
    asks = _asks(payload)
    if not asks and payload.comment_public.strip().lower() in _FALSE:
        return [_changed(payload)]
    text = payload.comment.strip()[:BODY_CHARS]
    # The same for each try of a delivery.
    message_id = payload.comment_id.strip() or invocation_id
    if not message_id:
        raise InvalidInput("The trigger's body has an empty comment_id: paste it anew from the docs")
    if not text:
        return []
    return [Added(payload.ticket_id, Said(role="requester" if asks else "agent", body=text), f"comment/{message_id}")]


def _asks(payload: Payload) -> bool:
    """Whether the comment is the requester's, or another end user's in copy."""
    return payload.author_id == payload.requester_id or payload.author_role.strip().lower() == "end-user"


def _changed(payload: Payload) -> Changed:
    change = TicketChange(
        assignee=payload.assignee_id[:_SHORT_CHARS],
        labels=_labels(payload),
        subject=payload.subject[:SUBJECT_CHARS],
    )
    return Changed(payload.ticket_id, change)


def _labels(payload: Payload) -> list[str]:
    return [tag[:_LABEL_CHARS] for tag in payload.tags.split()][:LABELS]
