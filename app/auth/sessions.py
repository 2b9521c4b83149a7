"""Sessions of visitors: signed, bound to a site and an origin, short-lived, and kept nowhere but at the visitor's."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from app.config import AuthSettings
from app.errors import Unauthorized

_SALT = "docent.visitor-session"
PREFIX = "vs."  # tells a session from an API key before any of both is looked at


class SessionInvalid(Unauthorized):
    kind = "session-invalid"
    title = "Not a session of this service"


class SessionExpired(Unauthorized):
    kind = "session-expired"
    title = "The session has expired"


@dataclass(frozen=True, slots=True)
class Session:
    """id: of the visitor, kept over renewals. site: public key. origin: of the page that the session was made for."""

    id: str
    site: str
    origin: str


@dataclass(frozen=True, slots=True)
class IssuedSession:
    token: str
    expires_at: datetime


class Sessions:
    """Issues and reads tokens. HMAC-SHA256 by itsdangerous, which compares in constant time."""

    def __init__(self, secret: str, settings: AuthSettings) -> None:
        self._lifetime = timedelta(minutes=settings.session_minutes)
        self._renewable = self._lifetime + timedelta(days=settings.session_renewal_days)
        self._serializer = URLSafeTimedSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def issue(self, site: str, origin: str, earlier: str | None = None) -> IssuedSession:
        """A new session; with an `earlier` token of the same site and origin, the same visitor's.

        Raises SessionInvalid when the earlier one is forged, too old or of another site or origin.
        """
        visitor = secrets.token_hex(12)
        if earlier:
            try:
                was = self._read(earlier, self._renewable)
            except SessionExpired as error:
                raise SessionInvalid("the earlier session is too old: begin a new one without it") from error
            if (was.site, was.origin) != (site, origin):
                raise SessionInvalid("the earlier session is of another site: begin a new one without it")
            visitor = was.id
        token = PREFIX + str(self._serializer.dumps(asdict(Session(visitor, site, origin))))
        return IssuedSession(token, datetime.now(UTC).replace(microsecond=0) + self._lifetime)

    def read(self, token: str) -> Session:
        """The session of `token`. Raises SessionInvalid or SessionExpired."""
        return self._read(token, self._lifetime)

    def _read(self, token: str, age: timedelta) -> Session:
        try:
            return Session(**self._serializer.loads(token.removeprefix(PREFIX), max_age=int(age.total_seconds())))
        except SignatureExpired as error:
            raise SessionExpired("the session has expired: begin a new one") from error
        except (BadData, TypeError) as error:
            raise SessionInvalid("the session was not issued by this service: begin a new one") from error
