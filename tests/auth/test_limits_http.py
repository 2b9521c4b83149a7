"""The five limits over HTTP, and whose requests count together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import (
    CONVERSATIONS,
    DOCS,
    GOOD,
    MESSAGES,
    PORT,
    SESSIONS,
    STREAM,
    VisitedService,
    problem,
)

QUESTION = {"question": PORT}
NOBODY = f"{CONVERSATIONS}/conv_{0:024x}"


@pytest.fixture(scope="module")
def limited(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedService]:
    """A service behind a proxy on this machine that is believed, so that a test can choose its addresses; the limits
    are of a day, which seldom ends in the middle of a test.
    """
    settings = {
        "LIMITS__QUESTIONS_PER_SESSION": "2/day",
        "LIMITS__QUESTIONS_PER_ADDRESS": "4/day",
        "LIMITS__QUESTIONS_PER_KEY": "3/day",
        "LIMITS__SESSIONS_PER_ADDRESS": "5/day",
        "LIMITS__REQUESTS_PER_ADDRESS": "40/day",
        "SERVER__TRUSTED_PROXIES": "127.0.0.1",
    }
    with ScriptedModel() as model:
        model.respond = lambda _: GOOD
        folder = tmp_path_factory.mktemp("limited")
        with VisitedService(folder, indexed, LLM__BASE_URL=model.base_url, **settings) as service:
            yield service


@pytest.fixture
def visitor(limited: VisitedService) -> Iterator[Callable[[str], httpx.Client]]:
    """A new visitor with an address."""
    with ExitStack() as stack:

        def begun(address: str) -> httpx.Client:
            token = _begin(limited, address).json()["session"]
            client = limited.program(token, **{"Origin": DOCS, "X-Forwarded-For": address})
            return stack.enter_context(client)

        yield begun


def _begin(service: VisitedService, address: str) -> httpx.Response:
    body = {"site_key": service.site, "session": None}
    headers = {"Origin": DOCS, "X-Forwarded-For": address}
    return httpx.post(f"{service.url}{SESSIONS}", json=body, headers=headers, trust_env=False)


def _limited(response: httpx.Response, what: str) -> None:
    body = problem(response, 429, "rate-limited")
    wait = int(response.headers["Retry-After"])
    assert 1 <= wait <= 2 * 86_400
    assert f"{what} in 86400 seconds: try again in {wait} seconds" in body["detail"]


def test_questions_of_a_session(visitor: Callable[[str], httpx.Client]) -> None:
    one, other = visitor("192.0.2.1"), visitor("192.0.2.1")
    for _ in range(2):
        assert one.post(MESSAGES, json=QUESTION).status_code == 200
    refused = one.post(MESSAGES, json=QUESTION)
    _limited(refused, "2 questions of a session")
    assert refused.headers["access-control-allow-origin"] == DOCS
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    _limited(one.post(MESSAGES, json=QUESTION, headers=STREAM), "2 questions of a session")
    assert one.get(NOBODY).status_code == 404  # only questions are counted
    assert other.post(MESSAGES, json=QUESTION).status_code == 200


def test_a_renewed_session_is_still_the_same_visitor(
    limited: VisitedService, visitor: Callable[[str], httpx.Client]
) -> None:
    one = visitor("192.0.2.2")
    for _ in range(2):
        assert one.post(MESSAGES, json=QUESTION).status_code == 200
    body = {"site_key": limited.site, "session": one.headers["Authorization"].removeprefix("Bearer ")}
    renewed = one.post(SESSIONS, json=body).json()["session"]
    _limited(
        one.post(MESSAGES, json=QUESTION, headers={"Authorization": f"Bearer {renewed}"}), "2 questions of a session"
    )


def test_questions_of_an_address(visitor: Callable[[str], httpx.Client]) -> None:
    for _ in range(2):
        one = visitor("192.0.2.3")
        for _ in range(2):
            assert one.post(MESSAGES, json=QUESTION).status_code == 200
    _limited(visitor("192.0.2.3").post(MESSAGES, json=QUESTION), "4 questions of an address")
    assert visitor("192.0.2.4").post(MESSAGES, json=QUESTION).status_code == 200


def test_questions_of_a_key(limited: VisitedService) -> None:
    """Wherever they come from; and not those of an address, which a program's users share."""
    for at in range(3):
        with limited.program(limited.keys["chat"].token, **{"X-Forwarded-For": f"198.51.100.{at}"}) as program:
            assert program.post(MESSAGES, json=QUESTION).status_code == 200
    with limited.program(limited.keys["chat"].token, **{"X-Forwarded-For": "198.51.100.9"}) as program:
        _limited(program.post(MESSAGES, json=QUESTION), "3 questions of an API key")
        assert program.get(NOBODY).status_code == 404


def test_sessions_of_an_address(limited: VisitedService) -> None:
    for _ in range(5):
        assert _begin(limited, "192.0.2.5").status_code == 201
    _limited(_begin(limited, "192.0.2.5"), "5 sessions of an address")
    assert _begin(limited, "192.0.2.6").status_code == 201


def test_requests_of_an_address(limited: VisitedService) -> None:
    """Those with a wrong token and without one count as well, or tokens could be tried for ever."""
    headers = {"X-Forwarded-For": "192.0.2.7"}
    with httpx.Client(base_url=limited.url, headers=headers, trust_env=False) as client:
        for at in range(40):
            sent = {} if at % 2 else {"Authorization": f"Bearer dk_{'0' * 12}_{'A' * 43}"}
            assert client.get(NOBODY, headers=sent).status_code == 401
        _limited(client.get(NOBODY), "40 requests of an address")
        key = {"Authorization": f"Bearer {limited.keys['admin'].token}"}
        _limited(client.get("/api/v1/admin/sources", headers=key), "40 requests of an address")
        assert client.get("/livez").status_code == 200
    _limited(_begin(limited, "192.0.2.7"), "40 requests of an address")


def test_the_command_line_is_not_limited(limited: VisitedService) -> None:
    for _ in range(6):
        assert limited.ask(PORT).status_code == 200


def test_addresses_of_one_subscriber_count_together(limited: VisitedService) -> None:
    for at in range(5):
        assert _begin(limited, f"2001:db8:1:2:{at}::1").status_code == 201
    _limited(_begin(limited, "2001:db8:1:2:ffff::9"), "5 sessions of an address")
    assert _begin(limited, "2001:db8:1:3::1").status_code == 201


def test_the_proxys_word_counts_and_not_the_clients(limited: VisitedService) -> None:
    """The last address of the header is what the proxy saw; those before it are what the client said."""
    for at in range(5):
        assert _begin(limited, f"203.0.113.{at}, 192.0.2.8").status_code == 201
    _limited(_begin(limited, "203.0.113.77, 192.0.2.8"), "5 sessions of an address")


def test_without_a_proxy_nobody_chooses_an_address(indexed: Path, tmp_path: Path) -> None:
    with (
        ScriptedModel() as model,
        VisitedService(
            tmp_path, indexed, LIMITS__SESSIONS_PER_ADDRESS="3/day", LLM__BASE_URL=model.base_url
        ) as service,
    ):
        pass_on = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP")
        body = {"site_key": service.site, "session": None}
        statuses = []
        for at in range(5):
            headers = dict.fromkeys(pass_on, f"192.0.2.{at}") | {"Origin": DOCS}
            statuses.append(
                httpx.post(f"{service.url}{SESSIONS}", json=body, headers=headers, trust_env=False).status_code
            )
        assert statuses == [201, 201, 201, 429, 429]
