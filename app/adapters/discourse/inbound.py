"""Discourse's webhooks to events.

The shapes are those of Discourse's `WebHookPostSerializer` and `WebHookTopicViewSerializer`: a body of one member,
named after the event's type, and headers that name the event and sign the raw body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ValidationError

from app.adapters.adapter import Added, Closed, Event, Opened
from app.config import DiscourseSettings
from app.errors import InvalidInput, Unauthorized
from app.tickets.schemas import BODY_CHARS, SUBJECT_CHARS, Role, Said, TicketRequest

CHANNEL = "discourse"

# Of Post.types: 2 are words of moderators, 3 are notes such as "closed this topic", 4 are whispers among the staff.
_REGULAR = 1
_STATUS_EVENTS = frozenset(
    {"topic_closed_status_updated", "topic_autoclosed_status_updated", "topic_archived_status_updated"}
)
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class _Post(BaseModel):
    id: int
    topic_id: int
    post_number: int
    post_type: int
    user_id: int
    username: str
    cooked: _Text
    topic_title: _Text = ""
    topic_archetype: str = "regular"
    category_id: int | None = None
    hidden: bool = False
    staff: bool = False
    admin: bool = False
    moderator: bool = False


class _Topic(BaseModel):
    id: int
    closed: bool = False
    archived: bool = False


class _PostBody(BaseModel):
    post: _Post


class _TopicBody(BaseModel):
    topic: _Topic


def events(headers: Mapping[str, str], body: bytes, settings: DiscourseSettings) -> list[Event]:
    """What a webhook tells; nothing for events that are of no concern, such as a ping.

    body: as it was received, byte for byte.
    Raises Unauthorized for a wrong signature and InvalidInput for a body that is not Discourse's.
    """
    named = {name.lower(): value for name, value in headers.items()}
    _verify(named.get("x-discourse-event-signature", ""), body, settings)
    event = named.get("x-discourse-event", "")
    try:
        if event == "post_created":
            return _of_post(_PostBody.model_validate(_json(body)).post, settings)
        if event in _STATUS_EVENTS or event == "topic_destroyed":
            topic = _TopicBody.model_validate(_json(body)).topic
            is_over = event == "topic_destroyed" or topic.closed or topic.archived
            return [Closed(_external_id(topic.id))] if is_over else []
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InvalidInput(f"the body is not Discourse's {event}: {where} is missing or wrong") from error
    return []


def _verify(signature: str, body: bytes, settings: DiscourseSettings) -> None:
    secret = settings.webhook_secret.get_secret_value()
    if not secret:
        raise Unauthorized("webhooks of Discourse are not accepted: set DOCENT_DISCOURSE__WEBHOOK_SECRET")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise Unauthorized(
            "X-Discourse-Event-Signature does not fit the body: the webhook's secret in Discourse has to be that of "
            "DOCENT_DISCOURSE__WEBHOOK_SECRET"
        )


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is not JSON: choose application/json as the webhook's content type") from error


def _of_post(post: _Post, settings: DiscourseSettings) -> list[Event]:
    if not _is_of_concern(post, settings):
        return []
    text = post.cooked.replace("\0", "")[:BODY_CHARS]
    if post.post_number > 1:
        if not text.strip():
            return []
        role: Role = "agent" if post.staff or post.admin or post.moderator else "requester"
        return [
            Added(
                _external_id(post.topic_id),
                Said(role=role, body=text, format="html"),
                f"p{post.id}",
                f"u{post.user_id}",
            )
        ]
    title = post.topic_title.replace("\0", "")
    if not text.strip() and not title.strip():
        return []
    request = TicketRequest(
        external_id=_external_id(post.topic_id),
        channel=CHANNEL,
        subject=title[:SUBJECT_CHARS],
        body=text if text.strip() else title,
        format="html" if text.strip() else "text",
        requester=f"u{post.user_id}",
        mode=settings.mode,
    )
    return [Opened(request, {"topic_id": post.topic_id})]


def _is_of_concern(post: _Post, settings: DiscourseSettings) -> bool:
    """Private messages are none of it: the notes to the team are some, and would come back as tickets."""
    if post.post_type != _REGULAR or post.hidden or post.topic_archetype != "regular":
        return False
    if post.username.lower() == settings.api_username.lower():
        return False
    wanted = {int(one) for one in settings.categories.replace(",", " ").split()}
    return not wanted or post.category_id in wanted


def _external_id(topic_id: int) -> str:
    return f"t{topic_id}"
