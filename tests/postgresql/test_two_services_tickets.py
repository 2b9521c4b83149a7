"""Two services share the tickets: each is answered once, by either, and one's work is taken up when it dies."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import make_key
from tests.postgresql.databases import is_on_postgresql, rows
from tests.postgresql.test_two_services import as_bearer, indexed, model, pair
from tests.service.serving import PATIENCE, Service, until

__all__ = ["indexed", "model", "pair"]

pytestmark = pytest.mark.skipif(not is_on_postgresql(), reason="two services share a PostgreSQL: --postgresql")

TICKETS = "/api/v1/tickets"
ASKED = "Which port does the Lumen server listen on?"


def hand_over(service: Service, headers: dict[str, str], external_id: str) -> dict[str, Any]:
    made = httpx.post(
        f"{service.url}{TICKETS}",
        json={"external_id": external_id, "body": f"Hello,\n\n{ASKED}\n\nThanks"},
        headers=headers,
        trust_env=False,
        timeout=PATIENCE,
    )
    assert made.status_code in {200, 202}, made.text
    ticket: dict[str, Any] = made.json()
    return ticket


def states(service: Service, headers: dict[str, str]) -> Counter[str]:
    listed = httpx.get(f"{service.url}{TICKETS}?limit=100", headers=headers, trust_env=False, timeout=PATIENCE).json()
    return Counter(one["state"] for one in listed["tickets"])


def test_a_ticket_is_answered_once(pair: Callable[..., Any], model: ScriptedModel) -> None:
    with pair() as both:
        headers = as_bearer(make_key(both[0].data_dir, "tickets").token)
        with ThreadPoolExecutor(8) as pool:  # each is handed over twice at the same time, once to either
            made = list(pool.map(lambda at: hand_over(both[at % 2], headers, f"t-{at // 2}"), range(40)))
        assert len({ticket["id"] for ticket in made}) == 20
        until(lambda: states(both[0], headers) == Counter(answered=20))
        assert states(both[1], headers) == Counter(answered=20)
        assert len(model.requests) == 20
        answers = rows(both[0].data_dir, "SELECT conversation_id, count(*) FROM answers GROUP BY conversation_id")
        assert sorted(count for _, count in answers) == [1] * 20


def test_what_one_leaves_behind_the_other_takes_up(pair: Callable[..., Any]) -> None:
    """The first is killed at work and never comes back: its jobs have no sign of life, and are begun anew."""
    with pair(JOBS__STALL_SECONDS="10") as (first, second):
        headers = as_bearer(make_key(first.data_dir, "tickets").token)
        for number in range(12):
            hand_over(first, headers, f"t-{number}")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(PATIENCE)
        until(lambda: states(second, headers) == Counter(answered=12))
        answers = rows(second.data_dir, "SELECT conversation_id, count(*) FROM answers GROUP BY conversation_id")
        assert sorted(count for _, count in answers) == [1] * 12
