"""Who may do what: every route there is, so that a new one cannot be forgotten."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager

from tests.chat.visiting import DOCS
from tests.security.conftest import Opened
from tests.security.routes import PUBLIC, UNLISTED, Operation, bodies, operations, path_values, takes_body, unlisted

Opening = AbstractAsyncContextManager[Opened]


async def test_every_route_but_the_public_ones_wants_a_token(opened_app: Opening) -> None:
    async with opened_app as opened:
        found = operations(opened.app)
        assert {(one.method, one.path) for one in found} >= PUBLIC
        assert len(found) > len(PUBLIC) + 10
        for operation in found:
            if not operation.is_public:
                await _refuses(opened, operation)


async def _refuses(opened: Opened, operation: Operation) -> None:
    """No token, one of nobody, and those that are for something else."""
    foreign = [scope for scope in opened.keys if scope != ("chat" if operation.scope == "session" else operation.scope)]
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer vs.x.y.z"},
        {"Authorization": f"Bearer dk_{'0' * 12}_{'A' * 43}"},
        {"Authorization": f"Basic {opened.keys['admin']}"},
        {"Authorization": opened.keys["admin"]},
        {"Authorization": f"Bearer {opened.session}x"},
        {"Authorization": f"Bearer {opened.session}", "Origin": "https://evil.example"},
        {"Cookie": f"Authorization=Bearer {opened.keys['admin']}; session={opened.session}"},
        {"X-API-Key": opened.keys["admin"]},
        *(opened.bearer(scope) for scope in foreign),
    ]
    if operation.scope != "session":
        headers.append(opened.bearer("session"))
    for sent in headers:
        response = await opened.client.request(
            operation.method, _url(opened, operation), json=_body(opened, operation), headers=sent
        )
        assert response.status_code in {401, 403}, (operation, sent, response.text)
    token = opened.keys["admin"]
    for query in ("token", "key", "api_key", "access_token", "session"):
        response = await opened.client.request(
            operation.method, _url(opened, operation), params={query: token}, json=_body(opened, operation)
        )
        assert response.status_code in {401, 403}, (operation, query, response.text)


async def test_who_may_is_let_in(opened_app: Opening) -> None:
    """With the same requests, or the test above would say nothing."""
    async with opened_app as opened:
        # What is deleted last is there for the others.
        for operation in sorted(operations(opened.app), key=lambda one: one.method == "DELETE"):
            if operation.is_signed:
                continue
            response = await opened.client.request(
                operation.method,
                _url(opened, operation),
                params={"q": "port"} if operation.path.endswith("/search") else None,
                json=_body(opened, operation),
                headers={"Origin": DOCS} if operation.is_public else opened.bearer(operation.scope),
            )
            # 409: it was let in, but the finished ticket and job cannot be cancelled.
            assert response.status_code in {200, 201, 202, 204, 409}, (operation, response.text)


async def test_routes_that_no_document_lists(opened_app: Opening) -> None:
    """They are public: what is added to them is added here, by somebody who has thought of it."""
    async with opened_app as opened:
        assert {one.path for one in unlisted(opened.app) if not one.path.startswith("/admin")} == UNLISTED


async def test_every_admin_page_but_the_sign_in_leads_to_it(opened_app: Opening) -> None:
    async with opened_app as opened:
        pages = [one for one in unlisted(opened.app) if one.path.startswith("/admin")]
        guarded = [one for one in pages if one.path not in {"/admin/sign-in", "/admin/sign-out"}]
        assert len(guarded) > 10
        for page in guarded:
            url = re.sub(r"\{[^}]*\}", "x", page.path)
            for headers in ({}, {"Cookie": "docent_admin=forged"}, opened.bearer("admin")):
                response = await opened.client.request(page.method, url, headers=headers)
                assert response.status_code == 303, (page, headers, response.text[:300])
                assert response.headers["Location"].startswith("/admin/sign-in")


async def test_every_route_with_a_body_has_a_valid_one_here(opened_app: Opening) -> None:
    async with opened_app as opened:
        known = bodies("", "", "", "")
        assert {one.path for one in operations(opened.app) if takes_body(opened.app, one)} == set(known)


def _url(opened: Opened, operation: Operation) -> str:
    return operation.path.format(**path_values(opened.site, opened.answer_id, opened.conversation_id, opened.ids))


def _body(opened: Opened, operation: Operation) -> object:
    if not takes_body(opened.app, operation):
        return None
    return bodies(opened.site, opened.session, opened.conversation_id, str(opened.docs))[operation.path]
