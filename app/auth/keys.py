"""API keys: shown once, hashed at rest, revocable, with the time of their last use."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from app.auth.principal import Scope
from app.db import Database, utc_now
from app.errors import InvalidInput, NotFound, Unauthorized
from app.models.api_key import ApiKey

PREFIX = "dk_"
NAME_CHARS = 80
# How exact the time of last use is: more would be a write for each request.
_LAST_USE = timedelta(minutes=1)
_TOKEN = re.compile(r"dk_([0-9a-f]{12})_([\w-]{43})")


class KeyInvalid(Unauthorized):
    kind = "key-invalid"
    title = "Not a key of this service"


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """token: the key itself, which is stored nowhere."""

    id: str
    token: str
    scope: Scope


class ApiKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, scope: Scope) -> CreatedKey:
        """A new key of 256 random bits. Raises InvalidInput for a name that is empty or too long."""
        name = name.strip()
        if not name or len(name) > NAME_CHARS or not name.isprintable():
            raise InvalidInput(f"a key's name has 1 to {NAME_CHARS} printable characters: say who uses it")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        token = f"{PREFIX}{key_id}_{secret}"
        async with self._database.transaction() as session:
            session.add(ApiKey(id=key_id, name=name, scope=scope, secret_hash=_hash(secret)))
        return CreatedKey(key_id, token, scope)

    async def verify(self, token: str) -> ApiKey:
        """The key of `token`. Raises KeyInvalid, which does not tell an unknown key from a revoked one."""
        found = _TOKEN.fullmatch(token)
        key = None
        if found is not None:
            async with self._database.transaction() as session:
                key = await session.get(ApiKey, found[1])
        # Of 256 random bits no digest can be guessed back, so a fast one serves (no password is hashed here).
        known = key.secret_hash if key is not None else _hash("")
        same = secrets.compare_digest(known, _hash(found[2] if found else ""))
        if key is None or not same or key.revoked_at is not None:
            raise KeyInvalid("the API key is unknown or was revoked: `docent key create` makes one")
        await self._note_use(key)
        return key

    async def _note_use(self, key: ApiKey) -> None:
        now = utc_now()
        if key.last_used_at is not None and now - key.last_used_at < _LAST_USE:
            return
        async with self._database.transaction() as session:
            await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))

    async def all(self) -> Sequence[ApiKey]:
        """Every key, the revoked ones too, oldest first."""
        async with self._database.transaction() as session:
            return (await session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id))).all()

    async def revoke(self, key_id: str) -> None:
        """Refuse the key from now on. Raises NotFound; revoking twice is no error."""
        async with self._database.transaction() as session:
            key = await session.get(ApiKey, key_id)
            if key is None:
                raise NotFound(f"there is no key {key_id}: `docent key list` shows them")
            key.revoked_at = key.revoked_at or utc_now()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
