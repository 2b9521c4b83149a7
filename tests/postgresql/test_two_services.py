"""Two services share a database and a data folder: what one knows and counts, the other knows and counts."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.keys import ApiKeys
from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import (
    ANSWERS,
    CONVERSATIONS,
    DOCS,
    GOOD,
    MESSAGES,
    PORT,
    SESSIONS,
    STREAM,
    UNLIMITED,
    Reader,
    make_key,
    make_site,
    on_database,
    problem,
)
from tests.postgresql.databases import is_on_postgresql
from tests.service.fixtures import indexed, model
from tests.service.serving import DOCENT, PATIENCE, Service, docent, environment, until

__all__ = ["indexed", "model"]

pytestmark = pytest.mark.skipif(not is_on_postgresql(), reason="two services share a PostgreSQL: --postgresql")

QUESTION = {"question": PORT}
Pair = tuple[Service, Service]


@pytest.fixture
def pair(indexed: Path, model: ScriptedModel, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts two services on one folder and one database, by their settings."""
    model.respond = lambda _: GOOD

    @contextmanager
    def started(**settings: str) -> Iterator[Pair]:
        settings = UNLIMITED | {"LLM__BASE_URL": model.base_url} | settings
        first = Service(tmp_path / "first", indexed, **settings)
        second = Service(tmp_path / "second", None, beside=first, **settings)
        with first, second:
            yield first, second

    return started


def as_bearer(token: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers}


def visitor_of(service: Service, site: str) -> dict[str, str]:
    """The headers of a new visitor of `site` whose session `service` gave."""
    begun = httpx.post(
        f"{service.url}{SESSIONS}", json={"site_key": site}, headers={"Origin": DOCS}, trust_env=False, timeout=PATIENCE
    )
    assert begun.status_code == 201, begun.text
    return as_bearer(begun.json()["session"], Origin=DOCS)


def post(service: Service, headers: dict[str, str], **body: str) -> httpx.Response:
    return httpx.post(
        f"{service.url}{MESSAGES}", json=QUESTION | body, headers=headers, trust_env=False, timeout=PATIENCE
    )


def get(service: Service, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(f"{service.url}{path}", headers=headers, trust_env=False, timeout=PATIENCE)


@pytest.mark.parametrize("limit", ["QUESTIONS_PER_SESSION", "QUESTIONS_PER_KEY"])
def test_a_budget_is_spent_at_either(pair: Callable[..., Any], limit: str) -> None:
    with pair(**{f"LIMITS__{limit}": "6/day"}) as both:
        first = both[0]
        if limit == "QUESTIONS_PER_KEY":
            headers = as_bearer(make_key(first.data_dir, "chat").token)
        else:
            headers = visitor_of(first, make_site(first.data_dir, DOCS))
        with ThreadPoolExecutor(4) as pool:  # at once, so that the two count at once
            said = list(pool.map(lambda at: post(both[at % 2], headers).status_code, range(12)))
        assert Counter(said) == {200: 6, 429: 6}
        for service in both:
            problem(post(service, headers), 429, "rate-limited")


def test_a_conversation_goes_on_at_the_other(pair: Callable[..., Any]) -> None:
    with pair() as (first, second):
        site = make_site(first.data_dir, DOCS)
        visitor = visitor_of(first, site)
        begun = post(first, visitor).json()
        conversation = begun["conversation_id"]
        gone_on = post(second, visitor, conversation_id=conversation)
        assert gone_on.status_code == 200
        assert gone_on.json()["conversation_id"] == conversation
        histories = [get(service, f"{CONVERSATIONS}/{conversation}", visitor).json() for service in (first, second)]
        assert histories[0] == histories[1]
        assert [one["role"] for one in histories[0]["messages"]] == ["user", "assistant", "user", "assistant"]
        streams = []
        for service in (first, second):
            path = f"{service.url}{ANSWERS}/{begun['id']}/events"
            with httpx.stream("GET", path, headers=visitor | STREAM, trust_env=False, timeout=PATIENCE) as response:
                streams.append(Reader(response).take())
        assert streams[0] == streams[1]
        assert streams[0][-1][2]["answer"] == begun
        problem(get(second, f"{CONVERSATIONS}/{conversation}", visitor_of(second, site)), 404, "not-found")


def test_a_key_is_known_and_revoked_at_both(pair: Callable[..., Any]) -> None:
    with pair() as both:
        key = make_key(both[0].data_dir, "chat")
        assert [post(service, as_bearer(key.token)).status_code for service in both] == [200, 200]
        on_database(both[0].data_dir, lambda database: ApiKeys(database).revoke(key.id))
        assert [post(service, as_bearer(key.token)).status_code for service in both] == [401, 401]


def test_a_new_revision_serves_at_both_and_either_serves_alone(pair: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "zebra.md").write_text("# Zebra mode\n\nZebra mode makes the lamp blink in stripes.\n")

    def found(service: Service) -> str:
        """The path of the page that a search finds first."""
        answer = service.client.get("/api/v1/admin/search", params={"q": "What is zebra mode?", "k": 1}).json()
        return str(answer["results"][0]["path"])

    with pair() as (first, second):
        assert found(first) == found(second) != "zebra.md"
        done = docent(first.data_dir, "index", str(tmp_path / "more"))
        assert done.returncode == 0, done.stderr
        assert found(first) == found(second) == "zebra.md"
        first.process.kill()
        first.process.wait(PATIENCE)
        assert second.client.get("/readyz").status_code == 200
        asked = docent(second.data_dir, "ask", PORT, "--json", LLM__BASE_URL="http://127.0.0.1:9/v1")
        assert "7070" in asked.stdout  # from the one that is left: there is no model but its own


def test_a_service_without_the_files_of_the_revision_says_so(
    pair: Callable[..., Any], model: ScriptedModel, tmp_path: Path
) -> None:
    with pair() as (first, _):
        url = environment(first.data_dir)["DOCENT_DATABASE__URL"]
        lone = Service(tmp_path / "lone", None, LLM__BASE_URL=model.base_url, DATABASE__URL=url)
        lone.wait_for = lambda: set(lone.client.get("/readyz").json()["waiting"]) == {"index"}
        with lone:
            until(lambda: "DOCENT_DATA_DIR" in lone.client.get("/readyz").json()["waiting"]["index"])
        assert first.client.get("/readyz").status_code == 200


def test_services_that_start_at_once_migrate_one_after_the_other(tmp_path: Path) -> None:
    empty = environment(tmp_path / "data")
    started = [
        subprocess.Popen([*DOCENT, "migrate"], cwd=tmp_path, env=empty, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=PATIENCE) for process in started]
    assert [(process.returncode, problems) for process, (_, problems) in zip(started, said, strict=True)] == [
        (0, b"")
    ] * 4
