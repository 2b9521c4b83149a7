from __future__ import annotations

import base64
import copy
import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app.callbacks.sending import Delivery
from app.callbacks.signing import PREFIX, SigningSecret, SigningSecrets, signed_headers
from app.errors import InvalidInput

BODY = json.dumps({"type": "ticket.answered", "text": "Grüße. 42."}, ensure_ascii=False).encode()
WIDE = timedelta(days=1)


def verify(secret: SigningSecret, headers: dict[str, str], body: bytes = BODY) -> object:
    return Webhook(secret.reveal()).verify(body, headers)


def test_the_published_library_verifies_what_we_sign() -> None:
    secret = SigningSecret.random()
    headers = signed_headers("msg_1", BODY, [secret], datetime.now(UTC))
    assert verify(secret, headers) == json.loads(BODY)
    for wrong in (
        {**headers, "webhook-id": "msg_2"},
        {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            verify(secret, wrong)
    with pytest.raises(WebhookVerificationError):
        verify(secret, headers, BODY + b" ")
    with pytest.raises(WebhookVerificationError):
        verify(SigningSecret.random(), headers)


def test_the_signature_is_the_one_the_library_makes() -> None:
    secret = SigningSecret.random()
    now = datetime(2026, 11, 3, 12, 30, 15, 999_000, tzinfo=UTC)
    headers = signed_headers("msg_1", BODY, [secret], now)
    assert headers["webhook-timestamp"] == "1793709015"
    assert headers["webhook-signature"] == Webhook(secret.reveal()).sign("msg_1", now, BODY.decode())


def test_while_a_secret_is_replaced_both_verify() -> None:
    old, new, newest = (SigningSecret.random() for _ in range(3))
    now = datetime.now(UTC)
    rotated = SigningSecrets(old).rotated(new, now=now, overlap=WIDE)
    assert rotated.valid(now) == (new, old)
    headers = signed_headers("msg_1", BODY, rotated.valid(now), now)
    assert headers["webhook-signature"].count("v1,") == 2
    assert verify(old, headers) == verify(new, headers) == json.loads(BODY)

    assert rotated.valid(now + WIDE) == (new,)
    again = rotated.rotated(newest, now=now, overlap=WIDE)
    assert again.valid(now) == (newest, new), "two at most: the oldest ends at once"
    with pytest.raises(WebhookVerificationError):
        verify(old, signed_headers("msg_1", BODY, again.valid(now), now))


def test_a_secret_is_read_as_it_is_written() -> None:
    secret = SigningSecret.random()
    assert secret.reveal().startswith(PREFIX)
    assert len(base64.b64decode(secret.reveal().removeprefix(PREFIX))) == 32
    assert SigningSecret(secret.reveal()).reveal() == secret.reveal()
    assert SigningSecret(secret.reveal().rstrip("=")).reveal() == secret.reveal()
    assert SigningSecret.random().reveal() != secret.reveal()


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        base64.b64encode(bytes(32)).decode(),
        PREFIX + base64.b64encode(bytes(23)).decode(),
        PREFIX + base64.b64encode(bytes(65)).decode(),
        PREFIX + "not base64, but long enough to be one",
        PREFIX + "ü" * 40,
    ],
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        SigningSecret(text)
    assert text.removeprefix(PREFIX) not in str(error.value) or len(text) <= len(PREFIX)


def test_a_secret_does_not_leak() -> None:
    secret = SigningSecret.random()
    delivery = Delivery("msg_1", "https://hooks.example/", BODY, (secret,))
    shown = f"{secret} {secret!r} {delivery} {SigningSecrets(secret, secret)}"
    assert secret.reveal().removeprefix(PREFIX) not in shown
    assert repr(secret._key) not in shown
    for thing in (secret, delivery):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(thing)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(delivery)


@pytest.mark.parametrize("message_id", ["", "msg.1", "msg 1", "msg\n1", "ü", "m" * 129])
def test_ids_that_would_make_two_messages_look_alike(message_id: str) -> None:
    with pytest.raises(ValueError, match="cannot be signed"):
        signed_headers(message_id, BODY, [SigningSecret.random()], datetime.now(UTC))


def test_unsigned_callbacks_and_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="one secret at least"):
        signed_headers("msg_1", BODY, [], datetime.now(UTC))
    with pytest.raises(ValueError, match="zone"):
        signed_headers("msg_1", BODY, [SigningSecret.random()], datetime(2026, 11, 3))  # noqa: DTZ001
