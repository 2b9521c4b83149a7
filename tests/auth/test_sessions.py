"""Visitors' sessions: who may read one, for how long, and what is no session."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from itsdangerous import URLSafeTimedSerializer

from app.auth.sessions import PREFIX, SessionExpired, SessionInvalid, Sessions
from app.config import AuthSettings

SECRET = "a secret of the tests, and long enough"  # noqa: S105
SITE, ORIGIN = "site_0123456789abcdef", "https://docs.example.org"
START = 1_800_000_000
MINUTE, DAY = 60, 86_400


class Clock:
    def __init__(self) -> None:
        self.now = float(START)

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("itsdangerous.timed.time", SimpleNamespace(time=clock.time))
    return clock


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(SECRET, AuthSettings())


def test_what_is_issued_is_read(sessions: Sessions) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    issued = sessions.issue(SITE, ORIGIN)
    session = sessions.read(issued.token)
    assert (session.site, session.origin) == (SITE, ORIGIN)
    assert len(session.id) == 24
    assert before + timedelta(hours=1) <= issued.expires_at <= datetime.now(UTC) + timedelta(hours=1)
    assert sessions.read(sessions.issue(SITE, ORIGIN).token).id != session.id


def test_a_session_lasts_its_minutes(clock: Clock) -> None:
    sessions = Sessions(SECRET, AuthSettings(session_minutes=5))
    token = sessions.issue(SITE, ORIGIN).token
    clock.now += 5 * MINUTE
    assert sessions.read(token)
    clock.now += 1
    with pytest.raises(SessionExpired):
        sessions.read(token)


def test_one_of_the_future_is_none(clock: Clock, sessions: Sessions) -> None:
    token = sessions.issue(SITE, ORIGIN).token
    clock.now -= 10
    with pytest.raises(SessionExpired):
        sessions.read(token)


@pytest.mark.parametrize("later", [0, 59 * MINUTE, 61 * MINUTE, 60 * MINUTE + 7 * DAY])
def test_a_renewed_session_is_the_same_visitors(clock: Clock, sessions: Sessions, later: int) -> None:
    """Also one that expired within the last seven days."""
    first = sessions.issue(SITE, ORIGIN).token
    visitor = sessions.read(first).id
    clock.now += later
    renewed = sessions.issue(SITE, ORIGIN, first).token
    assert sessions.read(renewed).id == visitor


def test_a_session_that_is_too_old_is_not_renewed(clock: Clock, sessions: Sessions) -> None:
    first = sessions.issue(SITE, ORIGIN).token
    clock.now += 60 * MINUTE + 7 * DAY + 1
    with pytest.raises(SessionInvalid):
        sessions.issue(SITE, ORIGIN, first)


def test_a_session_can_be_renewed_while_it_lasts_however_long_that_is(clock: Clock) -> None:
    sessions = Sessions(SECRET, AuthSettings(session_minutes=30 * 24 * 60, session_renewal_days=1))
    first = sessions.issue(SITE, ORIGIN).token
    clock.now += 20 * DAY
    visitor = sessions.read(first).id
    assert sessions.read(sessions.issue(SITE, ORIGIN, first).token).id == visitor


@pytest.mark.parametrize(
    ("site", "origin"), [("site_other", ORIGIN), (SITE, "https://other.example"), (SITE, f"{ORIGIN}:8443")]
)
def test_a_session_is_renewed_on_its_own_site_alone(sessions: Sessions, site: str, origin: str) -> None:
    first = sessions.issue(SITE, ORIGIN).token
    with pytest.raises(SessionInvalid):
        sessions.issue(site, origin, first)


def _forgeries(token: str) -> dict[str, str]:
    payload, stamp, signature = token.removeprefix(PREFIX).rsplit(".", 2)

    def serializer(secret: str, salt: str, digest: str = "sha256") -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            secret, salt=salt, signer_kwargs={"digest_method": getattr(hashlib, digest), "key_derivation": "hmac"}
        )

    values = {"id": "0" * 24, "site": SITE, "origin": ORIGIN}
    changed = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    last = "A" if signature[0] != "A" else "B"
    return {
        "another payload": f"{PREFIX}{changed}.{stamp}.{signature}",
        "another time": f"{PREFIX}{payload}.{stamp[:-1]}{'A' if stamp[-1] != 'A' else 'B'}.{signature}",
        "another signature": f"{PREFIX}{payload}.{stamp}.{last}{signature[1:]}",
        "no signature": f"{PREFIX}{payload}.{stamp}.",
        "no time": f"{PREFIX}{payload}.{signature}",
        "another secret": PREFIX
        + str(serializer("another secret of the tests, long enough", "docent.visitor-session").dumps(values)),
        "another salt": PREFIX + str(serializer(SECRET, "docent.other").dumps(values)),
        "another digest": PREFIX + str(serializer(SECRET, "docent.visitor-session", "sha1").dumps(values)),
        "nothing": "",
        "a prefix": PREFIX,
        "points": PREFIX + "." * 40,
        "10 kB": PREFIX + "A" * 10_240,
        "10 kB of compressed nothing": PREFIX + "." + "A" * 10_240 + f".{stamp}.{signature}",
        "no ASCII": f"{PREFIX}é.ü.ß",
        "NUL": f"{PREFIX}\0.\0.\0",
    }


@pytest.mark.parametrize("kind", _forgeries(f"{PREFIX}a.b.c"))
def test_forgeries(sessions: Sessions, kind: str) -> None:
    token = _forgeries(sessions.issue(SITE, ORIGIN).token)[kind]
    with pytest.raises(SessionInvalid):
        sessions.read(token)
    if token:
        with pytest.raises(SessionInvalid):
            sessions.issue(SITE, ORIGIN, token)


def test_every_cut_of_a_token_is_refused(sessions: Sessions) -> None:
    token = sessions.issue(SITE, ORIGIN).token
    for length in range(len(token)):
        with pytest.raises(SessionInvalid):
            sessions.read(token[:length])


def test_no_character_of_a_token_can_be_changed(sessions: Sessions) -> None:
    """But for the last bits of base64 that stand for nothing."""
    token = sessions.issue(SITE, ORIGIN).token
    was = sessions.read(token)
    for at, character in itertools.product(range(len(PREFIX), len(token) - 1), "A_"):
        changed = token[:at] + character + token[at + 1 :]
        if changed == token:
            continue
        try:
            assert sessions.read(changed) == was
        except (SessionInvalid, SessionExpired):
            continue
        pytest.fail(f"changed at {at}: {changed}")


def test_signed_by_us_but_no_session(sessions: Sessions) -> None:
    other = URLSafeTimedSerializer(
        SECRET,
        salt="docent.visitor-session",
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
    for values in ([], "text", None, {}, {"id": "1"}, {"id": "1", "site": SITE, "origin": ORIGIN, "admin": True}):
        with pytest.raises(SessionInvalid):
            sessions.read(PREFIX + str(other.dumps(values)))
