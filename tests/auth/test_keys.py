"""API keys: what is stored opens nothing, and a revoked one is refused like one that never was."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta

import pytest

from app.auth import keys
from app.auth.keys import ApiKeys, KeyInvalid
from app.config import Settings
from app.db import Database, utc_now
from app.errors import InvalidInput, NotFound
from tests.postgresql.databases import stored


async def test_a_key_is_verified(database: Database) -> None:
    api_keys = ApiKeys(database)
    made = await api_keys.create("  the ticket system ", "tickets")
    assert re.fullmatch(rf"dk_{made.id}_[\w-]{{43}}", made.token)
    key = await api_keys.verify(made.token)
    assert (key.id, key.name, key.scope) == (made.id, "the ticket system", "tickets")
    assert (await api_keys.create("the ticket system", "tickets")).token != made.token


async def test_nothing_that_opens_is_stored(database: Database, settings: Settings) -> None:
    made = await ApiKeys(database).create("tests", "admin")
    secret = made.token.rpartition(made.id)[2][1:]
    await database.close()
    kept = stored(settings.data_dir)
    assert made.id.encode() in kept
    assert len(secret) == 43
    for piece in (secret[:12], secret[-12:]):
        assert piece.encode() not in kept


@pytest.mark.parametrize(
    "change",
    [
        lambda token, _: token[:-1],
        lambda token, _: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token, _: token + "A",
        lambda token, _: token + "\n",
        lambda token, _: token.upper(),
        lambda token, other: token[:16] + other[16:],
        lambda token, _: f"dk_{secrets.token_hex(6)}_{token[16:]}",
        lambda token, _: token[:16] + "é" * 43,
        lambda token, _: token[:16] + "%" * 43,
        lambda *_: "dk_",
        lambda *_: "dk_' or 1=1 --",
        lambda *_: "dk_" + "0" * 10_240,
        lambda *_: "",
    ],
)
async def test_what_is_no_key(database: Database, change: object) -> None:
    api_keys = ApiKeys(database)
    token, other = (await api_keys.create("one", "chat")).token, (await api_keys.create("other", "admin")).token
    assert callable(change)
    with pytest.raises(KeyInvalid):
        await api_keys.verify(change(token, other))
    assert await api_keys.verify(token)


async def test_a_revoked_key_is_refused_with_the_words_for_an_unknown_one(database: Database) -> None:
    api_keys = ApiKeys(database)
    made = await api_keys.create("tests", "chat")
    await api_keys.revoke(made.id)
    with pytest.raises(KeyInvalid) as revoked:
        await api_keys.verify(made.token)
    with pytest.raises(KeyInvalid) as unknown:
        await api_keys.verify(f"dk_{'0' * 12}_{'A' * 43}")
    assert str(revoked.value) == str(unknown.value)
    (key,) = await api_keys.all()
    await api_keys.revoke(made.id)
    assert [one.revoked_at for one in await api_keys.all()] == [key.revoked_at]
    with pytest.raises(NotFound, match="docent key list"):
        await api_keys.revoke("0" * 12)


async def test_the_time_of_last_use(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    api_keys, now = ApiKeys(database), utc_now()

    async def used_at(later: float) -> datetime | None:
        monkeypatch.setattr(keys, "utc_now", lambda: now + timedelta(seconds=later))
        await api_keys.verify(made.token)
        return (await api_keys.all())[0].last_used_at

    made = await api_keys.create("tests", "chat")
    assert (await api_keys.all())[0].last_used_at is None
    assert await used_at(0) == now
    assert await used_at(59) == now
    assert await used_at(61) == now + timedelta(seconds=61)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "two\nlines", "tab\there", "\x1b[31mred"])
async def test_names_that_say_nothing(database: Database, name: str) -> None:
    with pytest.raises(InvalidInput, match="80 printable characters"):
        await ApiKeys(database).create(name, "chat")
    assert await ApiKeys(database).all() == []
