"""Who sees the pages, and which forms are taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from app.admin_pages import endpoints
from app.admin_pages.access import safe_next
from app.admin_pages.sessions import COOKIE, LIFETIME, AdminSessions
from app.auth.keys import ApiKeys
from app.auth.sessions import Sessions
from app.config import AuthSettings
from tests.admin_pages.conftest import TRIES, Browser, SignIn, main_text, parsed
from tests.admin_pages.seeding import ANSWER, CALLBACK, FAILED, QUEUED, TICKET
from tests.chat.visiting import VisitedService, make_key, on_database

PAGES = (
    "/admin", "/admin/sources", "/admin/sources/new", "/admin/jobs", f"/admin/jobs/{FAILED}", "/admin/revisions",
    "/admin/questions", f"/admin/questions/{ANSWER}", "/admin/tickets", f"/admin/tickets/{TICKET}",
    "/admin/callbacks", f"/admin/callbacks/{CALLBACK}", "/admin/nothing",
)  # fmt: skip
VALUES = {
    "name": "lumen", "job_id": QUEUED, "revision_id": "x", "answer_id": ANSWER, "ticket_id": TICKET,
    "callback_id": CALLBACK, "path": "x",
}  # fmt: skip


def routes(router: Any = endpoints.router) -> Iterator[tuple[str, str]]:
    """Method and path of every route of the pages."""
    for one in router.routes:
        within = getattr(one, "original_router", None)
        if within is not None:
            yield from routes(within)
        else:
            yield from ((method, one.path) for method in one.methods)


def holds_headers(response: httpx.Response) -> bool:
    policy = response.headers["content-security-policy"]
    return (
        response.headers["cache-control"] == "no-store"
        and response.headers["x-frame-options"] == "DENY"
        and response.headers["x-content-type-options"] == "nosniff"
        and response.headers["referrer-policy"] == "same-origin"
        and "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
        and "unsafe" not in policy
    )


def test_who_is_not_signed_in_is_led_there(service: VisitedService) -> None:
    with Browser(service) as browser:
        for path in PAGES:
            response = browser.get(path)
            assert (response.status_code, response.text) == (303, "")
            assert response.headers["location"] == "/admin/sign-in" + ("" if path == "/admin" else f"?next={path}")
            assert holds_headers(response)


def test_every_route_wants_somebody_signed_in(service: VisitedService) -> None:
    found = {(method, path) for method, path in routes() if path != "/admin/sign-in"}
    assert len(found) > 20
    with Browser(service) as browser:
        for method, path in found:
            response = browser.request(method, path.replace(":path}", "}").format_map(VALUES), data={"form_token": "x"})
            assert response.status_code == 303, (method, path)
            assert response.headers["location"].startswith("/admin/sign-in"), (method, path)


def test_other_tokens_open_no_page(service: VisitedService) -> None:
    """Neither a key in a header, which a foreign page could not send, but a program could, nor a visitor's session."""
    headers = {"Authorization": f"Bearer {service.keys['admin'].token}"}
    with Browser(service, **headers) as browser:
        assert browser.get("/admin").status_code == 303
        for cookie in (service.session(), service.keys["admin"].token, "x", ""):
            assert browser.get("/admin", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 303


def test_signing_in_and_out(service: VisitedService) -> None:
    token = service.keys["admin"].token
    with Browser(service) as browser:
        form = browser.page("/admin/sign-in?next=/admin/jobs%3Fstate=failed")
        following = form.select_one("[name=next]")
        assert following is not None
        response = browser.post("/admin/sign-in", data={"key": f" {token} ", "next": str(following["value"])})
        assert (response.status_code, response.headers["location"]) == (303, "/admin/jobs?state=failed")
        assert holds_headers(response)
        cookie = response.headers["set-cookie"]
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
            "httponly", "samesite=strict", "path=/admin", f"max-age={LIFETIME.seconds}",
        }  # fmt: skip
        assert token.rpartition("_")[2] not in cookie
        assert browser.get("/admin/sign-in").headers["location"] == "/admin"
        page = browser.get("/admin")
        assert "tests" in page.text  # the key's name
        assert token not in page.text
        left = browser.submit("/admin/sign-out")
        assert left.headers["location"] == "/admin/sign-in?said=signed-out"
        assert browser.get("/admin").status_code == 303
        assert "You are signed out." in main_text(browser.page(left.headers["location"]))
    assert token not in str(service.log())


def test_the_cookie_is_for_https_alone_where_that_is_spoken(service: VisitedService) -> None:
    with Browser(service, **{"X-Forwarded-Proto": "https"}) as browser:
        response = browser.post("/admin/sign-in", data={"key": service.keys["admin"].token})
        assert "; Secure" in response.headers["set-cookie"]


def test_keys_that_do_not_do(service: VisitedService) -> None:
    revoked = make_key(service.data_dir, "admin")
    on_database(service.data_dir, lambda database: ApiKeys(database).revoke(revoked.id))
    with Browser(service) as browser:
        for key, status in (
            ("", 401),
            ("<b>nonsense</b>", 401),
            (f"dk_{'0' * 12}_{'A' * 43}", 401),
            (revoked.token, 401),
            (service.token, 401),
            (service.keys["chat"].token, 403),
            (service.keys["tickets"].token, 403),
        ):
            response = browser.post("/admin/sign-in", data={"key": key})
            page = parsed(response, status)
            alert = page.select_one("[role=alert]")
            assert alert is not None
            assert "docent key create" in alert.text
            assert "set-cookie" not in response.headers
            assert not key or key not in response.text
            assert page.select("[aria-label='Admin pages'], [name=form_token]") == []


def test_tries_are_counted(service: VisitedService) -> None:
    with Browser(service) as browser:
        found = [browser.post("/admin/sign-in", data={"key": "guess"}).status_code for _ in range(TRIES + 1)]
        assert found == [401] * TRIES + [429]
        response = browser.post("/admin/sign-in", data={"key": service.keys["admin"].token})
        assert "try again in" in main_text(parsed(response, 429))
        assert int(response.headers["retry-after"]) > 0


def test_a_revoked_key_ends_its_sessions_at_once(service: VisitedService, sign_in: SignIn) -> None:
    key = make_key(service.data_dir, "admin")
    browser, token = sign_in(key.token), ""
    token = browser.token()
    on_database(service.data_dir, lambda database: ApiKeys(database).revoke(key.id))
    assert browser.get("/admin/jobs").status_code == 303
    assert browser.post("/admin/sign-out", data={"form_token": token}).headers["location"] == "/admin/sign-in"


def _of_another_site(browser: Browser, path: str) -> httpx.Response:
    return browser.post(path, data={"form_token": browser.token()}, headers={"Origin": "https://evil.example"})


def _fetched_cross_site(browser: Browser, path: str) -> httpx.Response:
    return browser.post(path, data={"form_token": browser.token()}, headers={"Sec-Fetch-Site": "same-site"})


def _without_origin(browser: Browser, path: str) -> httpx.Response:
    token = browser.token()
    del browser.headers["Origin"]
    return browser.post(path, data={"form_token": token})


def _without_token(browser: Browser, path: str) -> httpx.Response:
    return browser.post(path, data={"x": "y"})


def _with_a_wrong_token(browser: Browser, path: str) -> httpx.Response:
    return browser.post(path, data={"form_token": "ä" + browser.token()})


@pytest.mark.parametrize(
    "send", [_of_another_site, _fetched_cross_site, _without_origin, _without_token, _with_a_wrong_token]
)
def test_forms_of_others_are_refused(operator: Browser, send: Callable[[Browser, str], httpx.Response]) -> None:
    response = send(operator, f"/admin/jobs/{QUEUED}/cancel")
    assert "form" in main_text(parsed(response, 403))
    assert holds_headers(response)
    assert "queued" in main_text(operator.page(f"/admin/jobs/{QUEUED}"))


def test_a_form_is_bound_to_its_session(sign_in: SignIn) -> None:
    mine, other = sign_in(), sign_in()
    assert mine.post("/admin/sign-out", data={"form_token": other.token()}).status_code == 403
    assert mine.post("/admin/sign-out", data={"form_token": mine.token()}).status_code == 303


def test_bodies_that_are_no_form(operator: Browser) -> None:
    assert parsed(operator.post("/admin/sign-out", json={"form_token": "x"}), 422)
    many = "&".join(f"a{number}=1" for number in range(200))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert parsed(operator.post("/admin/sign-out", content=many, headers=headers), 422)
    assert parsed(operator.post("/admin/sign-out", content=b"\xff=\xfe", headers=headers), 422)


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/jobs", "/admin/jobs?state=failed&kind=", f"/admin/questions/{ANSWER}", "/admin/a/b.c"]
)
def test_paths_below_admin_are_gone_on_to(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "https://evil.example", "//evil.example", "/admin/../x", "/admin//evil.example", "/adminx",
        "/admin\\evil", "/admin/%2e%2e/x", "/admin/sign-in", "/admin/jobs\n", "javascript:alert(1)", "/admin?a=//x",
    ],
)  # fmt: skip
def test_other_addresses_are_not_gone_on_to(path: str) -> None:
    assert safe_next(path) == "/admin"


def test_cookies_of_others_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = AdminSessions("s" * 40)
    cookie = mine.issue("0123456789ab")
    session = mine.read(cookie)
    assert session is not None
    assert session.key == "0123456789ab"
    assert mine.is_form_token(session, mine.form_token(session))
    assert AdminSessions("t" * 40).read(cookie) is None
    visitor = Sessions("s" * 40, AuthSettings()).issue("site", "https://docs.example.org").token
    for wrong in ("", "x", cookie[:-1], f"{cookie}x", visitor, visitor.removeprefix("vs.")):
        assert mine.read(wrong) is None
    later = time.time() + LIFETIME.total_seconds() + 2
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert mine.read(cookie) is None
