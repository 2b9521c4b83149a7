from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.adapters.adapter import Added, Closed, Event, Opened
from app.adapters.discourse.inbound import events
from app.config import DiscourseSettings
from app.errors import InvalidInput, Unauthorized

RECORDED = Path(__file__).parents[2] / "data/adapters/discourse"
SECRET = "a-webhook-secret-of-the-tests"  # noqa: S105 -- of nothing but these tests


@pytest.fixture
def forum() -> DiscourseSettings:
    return DiscourseSettings(
        url="https://forum.example.org", webhook_secret=SecretStr(SECRET), api_username="docent_bot", mode="auto"
    )


def signed(event: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a webhook, as Discourse's EmitWebHookEvent sends them."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Discourse/3.5.0",
        "X-Discourse-Instance": "https://forum.example.org",
        "X-Discourse-Event-Id": "17",
        "X-Discourse-Event-Type": event.partition("_")[0],
        "X-Discourse-Event": event,
        "X-Discourse-Event-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.json").read_bytes()


def told(event: str, name: str, forum: DiscourseSettings) -> list[Event]:
    body = recorded(name)
    return events(signed(event, body), body, forum)


def changed(name: str, **members: Any) -> bytes:
    payload = json.loads(recorded(name))
    payload["post"].update(members)
    return json.dumps(payload).encode()


def test_first_post_opens_a_ticket(forum: DiscourseSettings) -> None:
    (event,) = told("post_created", "post_created_first", forum)
    assert isinstance(event, Opened)
    request = event.request
    assert (request.external_id, request.channel, request.subject) == ("t123", "discourse", "The lamp flickers")
    assert (request.format, request.requester, request.mode) == ("html", "u48", "auto")
    assert request.body.startswith("<p>Hello,</p>")
    assert event.origin == {"topic_id": 123}


def test_later_post_is_added_under_its_own_id(forum: DiscourseSettings) -> None:
    (event,) = told("post_created", "post_created_reply", forum)
    assert isinstance(event, Added)
    assert (event.external_id, event.message_id, event.message.role) == ("t123", "p5015", "requester")
    assert event.message.body == "<p>It is a hub without a power supply of its own.</p>"


@pytest.mark.parametrize("right", ["staff", "admin", "moderator"])
def test_post_of_the_staff_is_an_agents(forum: DiscourseSettings, right: str) -> None:
    (recorded_event,) = told("post_created", "post_created_staff", forum)
    assert isinstance(recorded_event, Added)
    assert recorded_event.message.role == "agent"
    body = changed("post_created_reply", **{right: True})
    (event,) = events(signed("post_created", body), body, forum)
    assert isinstance(event, Added)
    assert event.message.role == "agent"


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("post_created", "post_created_small_action"),
        ("post_created", "post_created_whisper"),
        ("post_created", "post_created_private_message"),
        ("post_edited", "post_edited"),
        ("topic_closed_status_updated", "topic_reopened"),
        ("topic_created", "topic_closed"),
        ("ping", "ping"),
    ],
)
def test_what_is_of_no_concern_tells_nothing(forum: DiscourseSettings, event: str, name: str) -> None:
    assert told(event, name, forum) == []


@pytest.mark.parametrize("username", ["docent_bot", "Docent_Bot"])
def test_own_posts_are_not_read_back(forum: DiscourseSettings, username: str) -> None:
    body = changed("post_created_reply", username=username)
    assert events(signed("post_created", body), body, forum) == []


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("topic_closed_status_updated", "topic_closed"),
        ("topic_autoclosed_status_updated", "topic_closed"),
        ("topic_archived_status_updated", "topic_archived"),
        ("topic_destroyed", "topic_destroyed"),
    ],
)
def test_topic_that_is_over_closes_the_ticket(forum: DiscourseSettings, event: str, name: str) -> None:
    assert told(event, name, forum) == [Closed("t123")]


@pytest.mark.parametrize(("categories", "count"), [("", 1), ("7", 1), ("5, 7", 1), ("5 6", 0)])
def test_only_the_listed_categories_are_answered(forum: DiscourseSettings, categories: str, count: int) -> None:
    listed = forum.model_copy(update={"categories": categories})
    assert len(told("post_created", "post_created_first", listed)) == count


def test_signature_is_over_the_raw_body(forum: DiscourseSettings) -> None:
    body = recorded("post_created_first")
    headers = signed("post_created", body)
    assert len(events(headers, body, forum)) == 1
    assert len(events({name.lower(): value for name, value in headers.items()}, body, forum)) == 1
    with pytest.raises(Unauthorized, match="X-Discourse-Event-Signature"):
        events(headers, json.dumps(json.loads(body)).encode(), forum)


@pytest.mark.parametrize("signature", [None, "", "sha256=", "sha256=ü", "sha1=00", "nothing"])
def test_wrong_signatures_are_refused(forum: DiscourseSettings, signature: str | None) -> None:
    body = recorded("post_created_first")
    headers = signed("post_created", body)
    del headers["X-Discourse-Event-Signature"]
    if signature is not None:
        headers["X-Discourse-Event-Signature"] = signature
    with pytest.raises(Unauthorized):
        events(headers, body, forum)


def test_signature_of_another_secret_is_refused(forum: DiscourseSettings) -> None:
    body = recorded("post_created_first")
    with pytest.raises(Unauthorized):
        events(signed("post_created", body, "another"), body, forum)


def test_without_a_secret_nothing_is_accepted(forum: DiscourseSettings) -> None:
    body = recorded("post_created_first")
    open_forum = forum.model_copy(update={"webhook_secret": SecretStr("")})
    with pytest.raises(Unauthorized, match="DOCENT_DISCOURSE__WEBHOOK_SECRET"):
        events(signed("post_created", body, ""), body, open_forum)


@pytest.mark.parametrize("body", [b"", b"post=1", b"[]", b'{"post": {"id": "x"}}', b"[" * 100_000, b'{"topic": {}}'])
def test_signed_bodies_of_another_shape_are_refused(forum: DiscourseSettings, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        events(signed("post_created", body), body, forum)


def test_post_without_words_gives_its_title_or_nothing(forum: DiscourseSettings) -> None:
    first = changed("post_created_first", cooked=None)
    (event,) = events(signed("post_created", first), first, forum)
    assert isinstance(event, Opened)
    assert (event.request.body, event.request.format) == ("The lamp flickers", "text")
    later = changed("post_created_reply", cooked=" ")
    assert events(signed("post_created", later), later, forum) == []


def test_over_long_posts_are_cut(forum: DiscourseSettings) -> None:
    body = changed("post_created_first", cooked="x" * 300_000 + "\0", topic_title="t" * 900)
    (event,) = events(signed("post_created", body), body, forum)
    assert isinstance(event, Opened)
    assert (len(event.request.body), len(event.request.subject)) == (200_000, 500)
