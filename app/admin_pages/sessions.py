"""Sessions of operators in a browser: a signed cookie that names the API key it was begun with, and holds no key."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta

from itsdangerous import BadData, Signer, URLSafeTimedSerializer

COOKIE = "docent_admin"
LIFETIME = timedelta(hours=12)
_SALT, _CSRF_SALT = "docent.admin-session", "docent.admin-csrf"


@dataclass(frozen=True, slots=True)
class AdminSession:
    """key: id of the API key. nonce: of this session, which its forms are bound to."""

    key: str
    nonce: str


class AdminSessions:
    """Signs and reads the cookie: HMAC-SHA256, with keys derived for this purpose alone."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeTimedSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )
        self._forms = Signer(secret, salt=_CSRF_SALT, digest_method=hashlib.sha256, key_derivation="hmac")

    def issue(self, key_id: str) -> str:
        """The cookie's value for a new session of the key."""
        return str(self._serializer.dumps(asdict(AdminSession(key_id, secrets.token_hex(16)))))

    def read(self, cookie: str) -> AdminSession | None:
        """The session of a cookie's value; None for one that is too old or not ours."""
        try:
            return AdminSession(**self._serializer.loads(cookie, max_age=int(LIFETIME.total_seconds())))
        except (BadData, TypeError):
            return None

    def form_token(self, session: AdminSession) -> str:
        """What every form of the session carries, and no other site can know."""
        return self._forms.get_signature(session.nonce).decode()

    def is_form_token(self, session: AdminSession, given: str) -> bool:
        return secrets.compare_digest(self.form_token(session).encode(), given.encode())
