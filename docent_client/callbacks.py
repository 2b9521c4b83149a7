"""For receivers of callbacks: whether Docent has sent it. Signatures as in Standard Webhooks 1.0."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from pydantic import ValidationError

from docent_client.errors import CallbackInvalid
from docent_client.models import Callback

_TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"


def verify_callback(
    headers: Mapping[str, str], body: bytes | str, secret: str, *, now: float | None = None
) -> Callback:
    """The callback, once its signature fits.

    body: as it was received, byte for byte. secret: as `admin.rotate_secret` gives it, `whsec_…`. now: seconds since
    1970, for tests. Raises CallbackInvalid: not signed with `secret`, more than five minutes old, or not of Docent.
    The id is the same at every delivery: drop what you have had before.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (
        lowered.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    given = body.encode() if isinstance(body, str) else body
    content = f"{message_id}.{timestamp}.".encode() + given
    expected = b"v1," + base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256))
    # All are compared: while a secret is replaced, a callback bears two.
    fits = [hmac.compare_digest(expected, one.encode()) for one in signatures.split(" ")]
    if not message_id or not any(fits):
        raise CallbackInvalid("the signature does not fit: is this the secret that `docent callback secret` shows?")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > len("9999999999"):
        raise CallbackInvalid("webhook-timestamp is no time")
    if abs((time.time() if now is None else now) - int(timestamp)) > _TOLERANCE_SECONDS:
        raise CallbackInvalid("the signature is more than five minutes old or ahead: is the clock right?")
    try:
        return Callback.model_validate_json(given)
    except ValidationError as error:
        raise CallbackInvalid(f"the body is no callback of Docent: {error.error_count()} fields are wrong") from error


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError(f"the secret of callbacks begins with {_PREFIX}, and base64 follows")
    return key
