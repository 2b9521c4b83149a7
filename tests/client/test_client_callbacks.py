"""Signatures of callbacks, made by the service's own code and by the published library of Standard Webhooks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.callbacks.signing import SigningSecret, signed_headers
from app.tickets.examples import TICKET
from docent_client import CallbackInvalid, verify_callback

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = json.dumps({"type": "ticket.answered", "timestamp": NOW.isoformat(), "data": TICKET}).encode()
OLD, NEW = SigningSecret.random(), SigningSecret.random()


def headers(at: datetime = NOW, *, body: bytes = BODY, secrets: tuple[SigningSecret, ...] = (NEW,)) -> dict[str, str]:
    return signed_headers("msg_1", body, secrets, at)


def verify(given: dict[str, str], body: bytes | str = BODY, secret: SigningSecret = NEW) -> Any:
    return verify_callback(given, body, secret.reveal(), now=NOW.timestamp())


def test_callback_is_read() -> None:
    callback = verify(headers())
    assert (callback.type, callback.timestamp, callback.data.id) == ("ticket.answered", NOW, TICKET["id"])
    assert verify({name.title(): value for name, value in headers().items()}, BODY.decode()) == callback


def test_signature_of_the_published_library_fits() -> None:
    signature = Webhook(NEW.reveal()).sign("msg_1", NOW, BODY.decode())
    timestamp = str(int(NOW.timestamp()))
    given = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert verify(given).data.id == TICKET["id"]


def test_both_secrets_fit_while_one_is_replaced() -> None:
    given = headers(secrets=(NEW, OLD))
    assert verify(given, secret=OLD) == verify(given, secret=NEW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_are_borne_with(seconds: int) -> None:
    verify(headers(NOW + timedelta(seconds=seconds)))
    with pytest.raises(CallbackInvalid, match="more than five minutes old or ahead"):
        verify(headers(NOW + timedelta(seconds=seconds + (1 if seconds > 0 else -1))))


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "now"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA v2,ü"},
    ],
    ids=str,
)
def test_changed_headers_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(CallbackInvalid, match="the signature does not fit"):
        verify(headers() | change)


def test_other_secret_other_body_and_missing_headers_are_refused() -> None:
    with pytest.raises(CallbackInvalid):
        verify(headers(), secret=OLD)
    with pytest.raises(CallbackInvalid):
        verify(headers(), BODY.replace(b"4711", b"4712"))
    with pytest.raises(CallbackInvalid):
        verify({})
    with pytest.raises(ValueError, match="begins with whsec_"):
        verify_callback(headers(), BODY, "whsec_")


def test_signed_body_of_something_else_is_refused() -> None:
    other = b'{"type": "invoice.paid"}'
    with pytest.raises(CallbackInvalid, match="the body is no callback of Docent: 2 fields are wrong"):
        verify(headers(body=other), other)
