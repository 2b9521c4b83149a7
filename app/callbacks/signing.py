"""Signatures of callbacks by Standard Webhooks 1.0: symmetric, HMAC-SHA256, with two secrets while one is replaced."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from app.errors import InvalidInput

PREFIX = "whsec_"
_NEW_BYTES, _FEWEST_BYTES, _MOST_BYTES = 32, 24, 64
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # no full stop: it parts what is signed


class SigningSecret:
    """A secret shared with one receiver. It shows itself by `reveal` alone: not printed, not pickled into a job."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        """text: `whsec_` and base64 of 24 to 64 bytes, padded or not. Raises InvalidInput."""
        encoded = text.removeprefix(PREFIX)
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not text.startswith(PREFIX) or not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
            raise InvalidInput(
                f"a signing secret is {PREFIX} and base64 of {_FEWEST_BYTES} to {_MOST_BYTES} random bytes"
            )
        self._key = key

    @classmethod
    def random(cls) -> SigningSecret:
        return cls(PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode())

    def reveal(self) -> str:
        """The secret in full, to be stored, or shown once to who sets up the receiver."""
        return PREFIX + base64.b64encode(self._key).decode()

    def sign(self, content: bytes) -> str:
        return "v1," + base64.b64encode(hmac.digest(self._key, content, hashlib.sha256)).decode()

    def __repr__(self) -> str:
        return "SigningSecret(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing secret is not pickled: pass its id, and load it where it is used")


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """The secret of a receiver, and the one before it for as long as the receiver may still hold that."""

    current: SigningSecret
    previous: SigningSecret | None = None
    previous_until: datetime | None = None

    def valid(self, now: datetime) -> tuple[SigningSecret, ...]:
        """The secrets to sign with at `now`, the newest first."""
        if self.previous is not None and self.previous_until is not None and now < self.previous_until:
            return (self.current, self.previous)
        return (self.current,)

    def rotated(self, new: SigningSecret, *, now: datetime, overlap: timedelta) -> SigningSecrets:
        """With `new` as the current one. What was current stays valid for `overlap`, what was before ends now."""
        return SigningSecrets(new, self.current, now + overlap)


def signed_headers(message_id: str, body: bytes, valid: Iterable[SigningSecret], now: datetime) -> dict[str, str]:
    """The three headers of one attempt.

    message_id: the same at every attempt of a message: receivers drop repeats by it. Letters, digits, - and _.
    now: the time of this attempt, with its zone: receivers refuse what is some minutes old. Raises ValueError.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"{message_id!r} cannot be signed: an id is made of letters, digits, - and _")
    if now.tzinfo is None:
        raise ValueError("the time of an attempt needs its zone")
    timestamp = str(int(now.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [secret.sign(content) for secret in valid]
    if not signatures:
        raise ValueError("a callback is signed with one secret at least")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
