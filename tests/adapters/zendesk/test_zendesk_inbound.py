from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.adapter import Added, Changed, Closed, Event, Opened
from app.adapters.zendesk.inbound import events
from app.adapters.zendesk.payload import TRIGGER_BODY, Payload
from app.config import ZendeskSettings
from app.errors import InvalidInput, Unauthorized
from tests.adapters.finished import ANSWER_ID

RECORDED = Path(__file__).parents[2] / "data" / "adapters" / "zendesk"
KEY = "dGhpc19pc19hX3NpZ25pbmdfc2VjcmV0"
SETTINGS = ZendeskSettings(webhook_secret=SecretStr(KEY), email="docent@lumen.example")
SENT_AT = "2026-11-03T12:30:15Z"
NOW = datetime(2026, 11, 3, 12, 30, 17, tzinfo=UTC)


def headers(body: bytes, secret: str = KEY, sent_at: str = SENT_AT) -> dict[str, str]:
    digest = hmac.new(secret.encode(), sent_at.encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Zendesk Webhook",
        "X-Zendesk-Account-Id": "123456",
        "X-Zendesk-Webhook-Id": "01F1KRFQ6BG29CNWFR60NK5FNY",
        "X-Zendesk-Webhook-Invocation-Id": "8350205582",
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": sent_at,
    }


def delivered(name: str, settings: ZendeskSettings = SETTINGS, **changes: str) -> list[Event]:
    body = (RECORDED / f"{name}.json").read_bytes()
    if changes:
        body = json.dumps(json.loads(body) | changes).encode()
    return events(headers(body), body, settings, now=NOW)


def test_a_ticket_is_created() -> None:
    (opened,) = delivered("created", SETTINGS.model_copy(update={"mode": "auto"}))
    assert isinstance(opened, Opened)
    assert opened.request.model_dump(exclude_defaults=True) == {
        "external_id": "35436",
        "channel": "zendesk",
        "subject": "Too bright at night",
        "body": 'Hello,\n\nwhich key sets the brightness after "sunset"?',
        "requester": "20978392",
        "labels": ["night", "lamp_v2"],
        "locale": "English",
        "mode": "auto",
    }
    assert opened.origin == {"ticket_id": "35436"}


@pytest.mark.parametrize(
    ("name", "role", "message_id"),
    [("commented.requester", "requester", "comment/1564250"), ("commented.agent", "agent", "comment/1564251")],
)
def test_a_public_comment_is_a_message(name: str, role: str, message_id: str) -> None:
    (added,) = delivered(name)
    assert isinstance(added, Added)
    assert (added.external_id, added.message.role, added.message_id) == ("35436", role, message_id)
    assert delivered(name) == [added], "a delivery that comes again says the same"


def test_an_end_user_in_copy_is_no_agent() -> None:
    (added,) = delivered("commented.requester", author_id="777")
    assert isinstance(added, Added)
    assert added.message.role == "requester"
    (added,) = delivered("commented.requester", author_id="777", author_role="")
    assert isinstance(added, Added)
    assert added.message.role == "agent", "in doubt a person of the team, over whom nothing is said"


def test_an_internal_note_stays_internal() -> None:
    (changed,) = delivered("commented.internal")
    assert isinstance(changed, Changed)
    assert changed.change.assignee == "235323"
    assert "fair" not in repr(changed)


def test_a_ticket_is_changed_and_solved() -> None:
    (changed,) = delivered("changed")
    assert isinstance(changed, Changed)
    assert (changed.external_id, changed.change.assignee, changed.change.labels) == (
        "35436",
        "235323",
        ["night", "vip"],
    )
    assert delivered("solved") == [Closed("35436")]


@pytest.mark.parametrize("name", ["created", "commented.agent", "changed", "solved"])
def test_what_docent_did_is_left_alone(name: str) -> None:
    assert delivered(name, updated_by="Docent@lumen.example") == []


def test_comments_of_docent_are_known_without_an_address() -> None:
    answer = f"Set night.level. [1]\n\nReference: {ANSWER_ID}\n"
    assert delivered("commented.agent", updated_by="", comment=answer) == []
    assert len(delivered("commented.requester", updated_by="", comment=f"No.\n\n{answer}")) == 1


def test_a_comment_without_an_id_goes_by_its_delivery() -> None:
    (added,) = delivered("commented.requester", comment_id="")
    assert isinstance(added, Added)
    assert added.message_id == "comment/8350205582"
    body = json.dumps({"event": "commented", "ticket_id": "1", "comment": "x"}).encode()
    bare = {name: value for name, value in headers(body).items() if "Invocation" not in name}
    with pytest.raises(InvalidInput, match="comment_id"):
        events(bare, body, SETTINGS, now=NOW)


def test_empty_comments() -> None:
    assert delivered("commented.requester", comment=" \n") == []
    (opened,) = delivered("created", comment="")
    assert isinstance(opened, Opened)
    assert opened.request.body == "Too bright at night"


def test_line_breaks_may_stand_in_the_strings() -> None:
    body = b'{"event": "created", "ticket_id": "7", "comment": "one\r\ntwo\tthree"}'
    (opened,) = events(headers(body), body, SETTINGS, now=NOW)
    assert isinstance(opened, Opened)
    assert opened.request.body == "one\r\ntwo\tthree"


def test_wrong_signatures() -> None:
    body = (RECORDED / "created.json").read_bytes()
    right = headers(body)
    for wrong in (
        headers(body, "another"),
        right | {"X-Zendesk-Webhook-Signature-Timestamp": "2026-11-03T12:30:16Z"},
        right | {"X-Zendesk-Webhook-Signature": "ü"},
        {"Content-Type": "application/json"},
    ):
        with pytest.raises(Unauthorized, match="X-Zendesk-Webhook-Signature"):
            events(wrong, body, SETTINGS, now=NOW)
    with pytest.raises(Unauthorized):
        events(right, body + b" ", SETTINGS, now=NOW)


@pytest.mark.parametrize("minutes", [6, -6])
def test_replays_are_refused(minutes: int) -> None:
    body = (RECORDED / "created.json").read_bytes()
    with pytest.raises(Unauthorized, match="five minutes"):
        events(headers(body), body, SETTINGS, now=NOW + timedelta(minutes=minutes))
    assert len(events(headers(body), body, SETTINGS, now=NOW + timedelta(minutes=minutes / 2))) == 1


def test_by_default_the_clock_is_the_machines() -> None:
    body = (RECORDED / "created.json").read_bytes()
    fresh = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(events(headers(body, sent_at=fresh), body, SETTINGS)) == 1
    with pytest.raises(Unauthorized):
        events(headers(body, sent_at="2020-01-01T00:00:00Z"), body, SETTINGS)


def test_a_signed_timestamp_that_is_no_time() -> None:
    body = b"{}"
    with pytest.raises(Unauthorized, match="no time"):
        events(headers(body, sent_at="yesterday"), body, SETTINGS, now=NOW)


def test_without_a_secret_every_hook_is_refused() -> None:
    body = b"{}"
    with pytest.raises(Unauthorized, match="DOCENT_ZENDESK__WEBHOOK_SECRET"):
        events(headers(body, ""), body, ZendeskSettings(), now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"event": "created", "ticket_id": "7", "comment": "he said "no""}',
        b'{"event": "EVENT", "ticket_id": "7"}',
        b'{"event": "created", "ticket_id": "{{ticket.id}}"}',
        b'{"event": "created", "ticket_id": "../users/1"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_bodies_that_are_not_the_triggers(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="paste it anew"):
        events(headers(body), body, SETTINGS, now=NOW)


def test_the_body_to_paste_is_what_is_read() -> None:
    """Of the page as of the code, with placeholders where values come."""
    pasted = json.loads(TRIGGER_BODY)
    assert set(pasted) == set(Payload.model_fields)
    assert all(re.fullmatch(r"EVENT|\{\{[a-z_.]+\}\}", value) for value in pasted.values())
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "connect-zendesk.md").read_text()
    assert TRIGGER_BODY in page
