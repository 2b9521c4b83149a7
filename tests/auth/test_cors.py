"""CORS: pages of the sites may read the chat's answers, and nobody else's may read anything."""

from __future__ import annotations

import httpx
import pytest

from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    DOCS,
    MESSAGES,
    PORT,
    SESSIONS,
    SHOP,
    STREAM,
    VisitedService,
    problem,
)

FOREIGN = [
    "https://evil.example",
    "null",
    "http://docs.example.org",
    f"{DOCS}:8443",
    f"{DOCS}.evil.example",
    DOCS.upper(),
    f"{DOCS}/",
    "*",
]
ALLOWED = "access-control-allow-origin"


def _preflight(
    service: VisitedService, path: str, origin: str, method: str = "POST", headers: str = "authorization,content-type"
) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return httpx.options(f"{service.url}{path}", headers=asked, trust_env=False)


@pytest.mark.parametrize("origin", [DOCS, SHOP])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", SESSIONS),
        ("POST", MESSAGES),
        ("GET", f"{CONVERSATIONS}/conv_1"),
        ("PUT", f"{ANSWERS}/ans_1/feedback"),
        ("DELETE", f"{ANSWERS}/ans_1/feedback"),
    ],
)
def test_preflights_of_sites(visited: VisitedService, origin: str, method: str, path: str) -> None:
    allowed = _preflight(visited, path, origin, method, "authorization, content-type,accept, last-event-id")
    assert allowed.status_code == 200
    assert allowed.headers[ALLOWED] == origin
    assert {one.strip() for one in allowed.headers["access-control-allow-methods"].split(",")} == {
        "GET",
        "POST",
        "PUT",
        "DELETE",
    }
    assert allowed.headers["access-control-max-age"] == "600"
    assert "Origin" in allowed.headers["vary"]
    assert "access-control-allow-credentials" not in allowed.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_origins(visited: VisitedService, origin: str) -> None:
    refused = _preflight(visited, MESSAGES, origin)
    assert refused.status_code == 400
    assert ALLOWED not in refused.headers
    for path in (f"/api/v1/chat/sites/{visited.site}", f"{CONVERSATIONS}/conv_1"):
        answer = httpx.get(f"{visited.url}{path}", headers={"Origin": origin}, trust_env=False)
        assert ALLOWED not in answer.headers
        assert "Origin" in answer.headers["vary"]


def test_what_no_preflight_allows(visited: VisitedService) -> None:
    assert _preflight(visited, MESSAGES, DOCS, "PATCH").status_code == 400
    assert _preflight(visited, MESSAGES, DOCS, headers="x-evil").status_code == 400
    assert _preflight(visited, MESSAGES, DOCS, headers="cookie").status_code == 400


@pytest.mark.parametrize(
    "path", ["/api/v1/admin/sources", "/metrics", "/readyz", "/", "/v1/models", "/api/v1/chat", "/openapi.json"]
)
def test_nothing_but_the_chat(visited: VisitedService, path: str) -> None:
    assert ALLOWED not in _preflight(visited, path, DOCS).headers
    with visited.program(visited.keys["admin"].token, Origin=DOCS) as program:
        assert ALLOWED not in program.get(path).headers


def test_answers_of_every_kind_can_be_read(visited: VisitedService) -> None:
    """The refusals, too: a page that cannot read them cannot say what is wrong."""
    with visited.browser() as visitor:
        answers = [
            visitor.post(MESSAGES, json={"question": PORT}),
            visitor.post(MESSAGES, json={"question": PORT}, headers=STREAM),
            visitor.post(MESSAGES, json={}),
            visitor.post(MESSAGES, content=b" " * 70_000),
            visitor.get(f"{CONVERSATIONS}/conv_{0:024x}"),
            visitor.post(MESSAGES, json={"question": PORT}, headers={"Authorization": "Bearer x"}),
            visited.begin(),
            visited.begin(session="x"),
        ]
    assert [one.status_code for one in answers] == [200, 200, 422, 413, 404, 401, 201, 401]
    for answer in answers:
        assert answer.headers[ALLOWED] == DOCS
        exposed = {one.strip() for one in answer.headers["access-control-expose-headers"].split(",")}
        assert exposed == {"Retry-After", "X-Request-ID"}
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers


def test_a_sites_widget(visited: VisitedService) -> None:
    path = f"{visited.url}/api/v1/chat/sites/{visited.site}"
    shown = httpx.get(path, headers={"Origin": DOCS}, trust_env=False)
    assert shown.headers["cache-control"] == "public, max-age=300"
    assert shown.headers[ALLOWED] == DOCS
    assert shown.json() == {
        "title": "",
        "greeting": "",
        "starters": [],
        "position": "right",
        "colours": None,
        "strings": {},
        "person": True,
    }
    problem(httpx.get(path, headers={"Origin": SHOP}, trust_env=False), 403, "unknown-site")
    problem(httpx.get(path[:-1], headers={"Origin": DOCS}, trust_env=False), 403, "unknown-site")


def test_the_start_page(visited: VisitedService) -> None:
    """Its site is that of the address it was reached by, and of no other."""
    page = httpx.get(visited.url, trust_env=False).text
    (key,) = {word for word in page.replace('"', " ").split() if word.startswith("site_")}
    assert visited.begin(key, visited.url).status_code == 201
    token = visited.session(key, visited.url)
    with visited.program(token) as same_origin:  # a GET of a page to its own origin bears none
        assert same_origin.post(MESSAGES, json={"question": PORT}, headers={"Origin": visited.url}).status_code == 200
        assert same_origin.get(f"{CONVERSATIONS}/conv_{0:024x}").status_code == 404
        problem(same_origin.post(MESSAGES, json={"question": PORT}, headers={"Origin": DOCS}), 401, "session-invalid")
        elsewhere = {"Host": "localhost:1"}
        problem(same_origin.post(MESSAGES, json={"question": PORT}, headers=elsewhere), 403, "unknown-site")
    for origin in (DOCS, "http://localhost:1", "https://evil.example", "null"):
        problem(visited.begin(key, origin), 403, "unknown-site")
