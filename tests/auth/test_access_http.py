"""Sessions and keys over HTTP: who gets one, and what each opens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.auth.keys import ApiKeys
from app.auth.sites import Sites
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    DOCS,
    MESSAGES,
    PORT,
    SESSIONS,
    SHOP,
    SHOWN,
    VisitedService,
    make_key,
    make_site,
    on_database,
    problem,
)
from tests.postgresql.databases import stored
from tests.service.serving import until

SOURCES = "/api/v1/admin/sources"
QUESTION = {"question": PORT}


def test_a_visitors_way(visited: VisitedService) -> None:
    begun = visited.begin()
    assert begun.status_code == 201
    body = begun.json()
    assert set(body) == {"session", "expires_at"}
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(minutes=60)
    with visited.browser(body["session"]) as visitor:
        answer = visitor.post(MESSAGES, json=QUESTION)
        assert (answer.status_code, answer.json()["text"]) == (200, SHOWN)
        assert "set-cookie" not in answer.headers
        conversation = f"{CONVERSATIONS}/{answer.json()['conversation_id']}"
        assert visitor.get(conversation).status_code == 200
    renewed = visited.begin(session=body["session"]).json()["session"]
    with visited.browser(renewed) as visitor:
        assert visitor.get(conversation).status_code == 200
    with visited.browser() as stranger:
        problem(stranger.get(conversation), 404, "not-found")


def test_who_gets_no_session(visited: VisitedService) -> None:
    for site, origin in (
        (visited.site, SHOP),
        (visited.site, "https://evil.example"),
        (visited.site, "null"),
        (visited.site, DOCS.upper()),
        (visited.shop, DOCS),
        ("site_0000000000000000", DOCS),
    ):
        problem(visited.begin(site, origin), 403, "unknown-site")
    body = {"site_key": visited.site, "session": None}
    problem(httpx.post(f"{visited.url}{SESSIONS}", json=body, trust_env=False), 403, "forbidden")
    for earlier in ("x", "vs.x.y.z", visited.session(visited.shop, SHOP), visited.keys["chat"].token):
        problem(visited.begin(session=earlier), 401, "session-invalid")
    problem(visited.begin(session="x" * 1001), 422, "invalid-input")


def test_a_session_is_of_its_origin(visited: VisitedService) -> None:
    token = visited.session()
    for origin in (SHOP, "https://evil.example", "null", f"{DOCS}:8443", DOCS.replace("https", "http")):
        with visited.browser(token, origin) as elsewhere:
            problem(elsewhere.post(MESSAGES, json=QUESTION), 401, "session-invalid")
    with visited.program(token) as without:  # as browsers do for some requests to their own origin
        assert without.get(f"{CONVERSATIONS}/conv_{0:024x}").status_code == 404


def test_a_changed_session_is_refused(visited: VisitedService) -> None:
    token = visited.session()
    for forged in (token[:-2], token + "A", token.replace("vs.", "vs..", 1), f"{token} {token}", "vs." + "A" * 10_240):
        with visited.browser(forged) as visitor:
            problem(visitor.post(MESSAGES, json=QUESTION), 401, "session-invalid")


def test_the_sessions_of_a_deleted_site(visited: VisitedService) -> None:
    site = make_site(visited.data_dir, DOCS)
    until(lambda: visited.begin(site).status_code == 201)
    with visited.browser(visited.session(site)) as visitor:
        nobody = f"{CONVERSATIONS}/conv_{0:024x}"
        problem(visitor.get(nobody), 404, "not-found")
        on_database(visited.data_dir, lambda database: Sites(database).delete(site))
        until(lambda: visitor.get(nobody).status_code != 404)
        problem(visitor.get(nobody), 403, "unknown-site")
        problem(visited.begin(site), 403, "unknown-site")


def test_a_key_opens_its_scope_alone(visited: VisitedService) -> None:
    opened = {"chat": {MESSAGES}, "tickets": set(), "admin": {SOURCES, "/metrics"}}
    for scope, key in visited.keys.items():
        with visited.program(key.token) as program:
            for path in (MESSAGES, SOURCES, "/metrics"):
                answer = program.post(path, json=QUESTION) if path == MESSAGES else program.get(path)
                if path in opened[scope]:
                    assert answer.status_code == 200
                else:
                    detail = problem(answer, 403, "forbidden")["detail"]
                    assert f"this key is for {scope}" in detail
    with visited.browser() as visitor:
        for path in (SOURCES, "/metrics"):
            problem(visitor.get(path), 403, "forbidden")


def test_two_keys_do_not_share_conversations(visited: VisitedService) -> None:
    other = make_key(visited.data_dir, "chat")
    with visited.program(visited.keys["chat"].token) as one, visited.program(other.token) as two:
        answer = one.post(MESSAGES, json=QUESTION).json()
        assert one.get(f"{CONVERSATIONS}/{answer['conversation_id']}").status_code == 200
        problem(two.get(f"{CONVERSATIONS}/{answer['conversation_id']}"), 404, "not-found")
        problem(two.get(f"{ANSWERS}/{answer['id']}/events"), 404, "not-found")


def test_a_revoked_key_is_refused_at_once(visited: VisitedService) -> None:
    key = make_key(visited.data_dir, "admin")
    with visited.program(key.token) as program:
        assert program.get(SOURCES).status_code == 200
        on_database(visited.data_dir, lambda database: ApiKeys(database).revoke(key.id))
        problem(program.get(SOURCES), 401, "key-invalid")
    (used,) = [
        one for one in on_database(visited.data_dir, lambda database: ApiKeys(database).all()) if one.id == key.id
    ]
    assert used.last_used_at is not None


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_schemes_case_does_not_matter(visited: VisitedService, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {visited.keys['admin'].token}"}
    assert httpx.get(f"{visited.url}{SOURCES}", headers=headers, trust_env=False).status_code == 200


def test_no_token_stands_in_the_database_or_the_log(visited: VisitedService) -> None:
    """Last in this file, after all that was done with them."""
    session = visited.session()
    with visited.browser(session) as visitor:
        assert visitor.post(MESSAGES, json=QUESTION).status_code == 200
    kept = stored(visited.data_dir)
    written = json.dumps(visited.log())
    assert visited.keys["chat"].id.encode() in kept
    secrets = [key.token[16:] for key in visited.keys.values()]
    for secret in (*secrets, session, visited.token, (visited.data_dir / "session.key").read_text()):
        assert secret.encode() not in kept
        assert secret not in written
