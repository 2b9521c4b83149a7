from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.training.teaching import chunk, recipe, rows
from training.errors import SourceError
from training.schema.generate import GenerateRecipe
from training.schema.teacher import Prices
from training.teacher import prompts
from training.teacher.asking import Asking, Subject, TooManyFailures
from training.teacher.cache import Cache
from training.teacher.endpoint import TeacherRefuses, open_endpoint
from training.teacher.ledger import CostReached, Ledger, prompt_tokens_at_most
from training.teacher.replies import Verdict

SUBJECT = Subject("check", 0, ("c",))
YES = '{"answered": true}'
COST = (50 * 2 + 5 * 10) / 1_000_000  # of the scripted reply of 50 and 5 tokens, at these prices:
PRICES = {"prompt": 2, "completion": 10}


@pytest.fixture
def teacher() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model


@asynccontextmanager
async def asking(chosen: GenerateRecipe, folder: Path) -> AsyncIterator[Asking]:
    ledger = Ledger(folder / "ledger.jsonl", chosen.prices, chosen.max_cost)
    async with open_endpoint(chosen.teacher, chosen.requests, chosen.seed, folder) as endpoint:
        yield Asking(endpoint, Cache(folder / "cache"), ledger, chosen.requests)


async def asked(chosen: GenerateRecipe, folder: Path, numbers: range = range(1)) -> tuple[Asking, list[Any]]:
    """A question a number."""
    async with asking(chosen, folder) as one:
        prompted = [prompts.check([chunk(number)], f"Question {number}?") for number in numbers]
        found = await asyncio.gather(*(one.ask(prompt, SUBJECT, Verdict) for prompt in prompted))
    return one, found


async def test_a_reply_is_asked_for_once(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(YES)
    first, found = await asked(recipe(tmp_path, teacher), tmp_path)
    second, again = await asked(recipe(tmp_path, teacher), tmp_path)
    assert found == again == [(Verdict(answered=True), YES)]
    assert (first.cached, second.cached, second.asked, len(teacher.requests)) == (0, 1, 1, 1)
    assert len(rows(tmp_path / "ledger.jsonl")) == 1


async def test_another_prompt_model_or_temperature_is_another_reply(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(*[YES] * 5)
    same = {"base_url": teacher.base_url, "model": "scripted", "max_tokens": 100}
    for change in ({}, {"model": "other"}, {"temperature": 0.1}, {"max_tokens": 99}):
        await asked(recipe(tmp_path, teacher, teacher=same | change), tmp_path)
    await asked(recipe(tmp_path, teacher), tmp_path, range(1, 2))
    assert len(teacher.requests) == 5


async def test_a_damaged_reply_is_asked_for_again(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(YES, YES)
    await asked(recipe(tmp_path, teacher), tmp_path)
    file = next((tmp_path / "cache").rglob("*.json"))
    assert json.loads(file.read_text())["request"]["model"] == "scripted"
    file.write_text(file.read_text()[:20])
    one, _ = await asked(recipe(tmp_path, teacher), tmp_path)
    assert (one.cached, len(teacher.requests)) == (0, 2)


async def test_the_request_has_schema_sampling_and_seed(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(YES)
    await asked(recipe(tmp_path, teacher, seed=7), tmp_path)
    sent = teacher.requests[0]
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["answered"]
    assert (sent["temperature"], sent["max_tokens"], sent["seed"], sent["model"]) == (0.7, 100, 7, "scripted")


async def test_passing_errors_are_tried_again(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(Reply("busy", status=503), Reply("slow down", status=429), YES)
    one, found = await asked(recipe(tmp_path, teacher), tmp_path)
    assert found[0] is not None
    assert (one.failed, rows(tmp_path / "ledger.jsonl")[0]["tries"]) == (0, 3)


async def test_retry_after_goes_before_the_own_wait(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(Reply("slow down", status=429, retry_after=1), YES)
    began = time.monotonic()
    await asked(recipe(tmp_path, teacher), tmp_path)
    assert time.monotonic() - began >= 1


async def test_a_request_without_a_reply_is_a_failure_with_its_reason(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(*[Reply("busy", status=503)] * 3, Reply("this JSON schema is not supported", status=400), "no JSON")
    how = {"concurrency": 1, "max_failed_share": 1}
    one, found = await asked(recipe(tmp_path, teacher, requests=how), tmp_path, range(3))
    assert found == [None, None, None]
    assert [row["reason"] for row in one.failures] == ["http_503", "http_400", "not_json"]
    assert "(tries: 3)" in one.failures[0]["detail"]
    assert "schema is not supported" in one.failures[1]["detail"]
    assert one.failures[2]["text"] == "no JSON"
    assert (one.asked, one.failed, one.stopped) == (3, 3, None)
    assert not (await asked(recipe(tmp_path, teacher, requests=how), tmp_path, range(2, 3)))[1][0]
    assert len(teacher.requests) == 5  # what was said is kept, be it of no use; the other two may be sent again


async def test_retry_after_may_be_a_date(tmp_path: Path, teacher: ScriptedModel) -> None:
    began = datetime.now(UTC)
    then = (began + timedelta(seconds=2)).replace(microsecond=0)
    teacher.say(Reply("slow down", status=503, retry_after=format_datetime(then, usegmt=True)), YES)
    await asked(recipe(tmp_path, teacher), tmp_path)
    assert datetime.now(UTC) >= then


async def test_a_prompt_that_does_not_fit_is_not_tried_again(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda _: Reply("too long", status=400, code="context_length_exceeded")
    one, _ = await asked(recipe(tmp_path, teacher), tmp_path)
    assert [row["reason"] for row in one.failures] == ["prompt_too_long"]
    assert len(teacher.requests) == 1


async def test_a_slow_reply_is_a_timeout(tmp_path: Path, teacher: ScriptedModel) -> None:
    def late(_: str) -> str:
        time.sleep(0.6)
        return YES

    teacher.respond = late
    one, _ = await asked(recipe(tmp_path, teacher, requests={"timeout_seconds": 0.1, "retries": 0}), tmp_path)
    assert [row["reason"] for row in one.failures] == ["timeout"]


async def test_a_refused_key_stops_at_once_and_names_the_variable(
    tmp_path: Path, teacher: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_KEY", "wrong")
    teacher.respond = lambda _: Reply("wrong key", status=401)
    named = {"base_url": teacher.base_url, "model": "scripted", "api_key_env": "SCRIPTED_KEY"}
    chosen = recipe(tmp_path, teacher, teacher=named, requests={"concurrency": 1})
    one, _ = await asked(chosen, tmp_path, range(5))
    assert isinstance(one.stopped, TeacherRefuses)
    assert "refuses the key in SCRIPTED_KEY" in one.stopped.detail
    assert len(teacher.requests) == 1
    monkeypatch.delenv("SCRIPTED_KEY")
    with pytest.raises(SourceError, match="SCRIPTED_KEY is not set"):
        await asked(chosen, tmp_path)


async def test_too_many_failures_stop_the_run(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda _: "no JSON"
    one, _ = await asked(recipe(tmp_path, teacher, requests={"concurrency": 1}), tmp_path, range(40))
    assert isinstance(one.stopped, TooManyFailures)
    assert "20 of 20 requests failed, the last with not_json" in one.stopped.detail
    assert len(teacher.requests) == len(one.failures) == 20


async def test_the_ledger_has_every_paid_request(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.say(*[YES] * 3)
    one, _ = await asked(recipe(tmp_path, teacher, prices=PRICES), tmp_path, range(3))
    told = rows(tmp_path / "ledger.jsonl")
    assert [(row["prompt_tokens"], row["completion_tokens"], row["cost"]) for row in told] == [(50, 5, COST)] * 3
    assert one.spent == pytest.approx(3 * COST)


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_the_limit_is_never_passed_and_what_was_paid_is_kept(
    tmp_path: Path, teacher: ScriptedModel, concurrency: int
) -> None:
    teacher.respond = lambda _: YES
    prompt = prompts.check([chunk(1)], "Question 1?")
    most = (prompt_tokens_at_most(prompt) * 2 + 100 * 10) / 1_000_000
    limit = 4 * COST + most + COST / 2  # after 5 paid requests the next one at its dearest does not fit
    chosen = recipe(tmp_path, teacher, prices=PRICES, max_cost=limit, requests={"concurrency": concurrency})
    one, found = await asked(chosen, tmp_path, range(9))
    assert isinstance(one.stopped, CostReached)
    assert len(teacher.requests) == sum(verdict is not None for verdict in found) == 5
    assert one.spent < limit
    more = recipe(tmp_path, teacher, prices=PRICES, max_cost=1)
    again, found = await asked(more, tmp_path, range(9))
    assert (again.cached, len(teacher.requests), None in found) == (5, 9, False)
    assert again.spent == pytest.approx(9 * COST)  # both attempts


def test_a_line_that_a_kill_left_half_written_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text('{"cost": 0.5}\n{"cost": 0.')
    ledger = Ledger(file, Prices(), None)
    assert (ledger.spent, file.read_text()) == (0.5, '{"cost": 0.5}\n')
