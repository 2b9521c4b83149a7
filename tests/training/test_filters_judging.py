from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.index.section import Chunk
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.training.teaching import chunk, rows
from training.filters.judging import judge_pairs
from training.pair import Pair
from training.schema.filters import Judge
from training.teacher.asking import TooManyFailures

PASSAGES = [chunk(1), chunk(2)]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


def judge(model: ScriptedModel, **more: Any) -> Judge:
    requests = {"retries": 0, "concurrency": 1, **more.pop("requests", {})}
    named = {"base_url": model.base_url, "model": "scripted", "max_tokens": 100, "temperature": 0}
    return Judge.model_validate({"model": named, "requests": requests} | more)


def verdict(claim: str = "", *, supported: bool = True, self_standing: bool = True) -> str:
    return json.dumps({"unsupported_claim": claim, "supported": supported, "self_standing": self_standing})


def asked(count: int) -> dict[Pair, list[Chunk]]:
    return {Pair(row=row, question=f"How do I dim lamp {row}?", answer="Run it."): PASSAGES for row in range(count)}


async def test_a_pair_is_kept_where_the_judge_finds_nothing(tmp_path: Path, model: ScriptedModel) -> None:
    model.say(
        verdict(), verdict("it  saves\npower", supported=False), verdict(supported=False), verdict(self_standing=False)
    )
    assert list((await judge_pairs(asked(4), judge(model), tmp_path, seed=1)).values()) == [
        "",
        "not in the passages: it saves power",
        "not in the passages",
        "nobody who has not seen the page would ask so",
    ]
    prompt = model.prompts()[0]
    assert "Question: How do I dim lamp 0?" in prompt
    assert all(one.text in prompt for one in PASSAGES)


async def test_a_verdict_is_paid_for_once(tmp_path: Path, model: ScriptedModel) -> None:
    model.say(verdict(), verdict())
    how = judge(model, prices={"prompt": 1, "completion": 1})
    first = await judge_pairs(asked(2), how, tmp_path, seed=1)
    assert await judge_pairs(asked(2), how, tmp_path, seed=1) == first
    assert len(model.requests) == 2
    assert all(row["cost"] > 0 for row in rows(tmp_path / "ledger.jsonl"))


async def test_a_pair_without_verdict_is_not_kept(tmp_path: Path, model: ScriptedModel) -> None:
    model.say(verdict(), "It looks fine to me.", Reply("busy", status=503))
    how = judge(model, requests={"max_failed_share": 1})
    found = list((await judge_pairs(asked(3), how, tmp_path, seed=1)).values())
    assert found == ["", "the judge gave no verdict", "the judge gave no verdict"]


async def test_a_judge_that_does_not_reply_stops_the_filters(tmp_path: Path, model: ScriptedModel) -> None:
    model.respond = lambda _: Reply("busy", status=503)
    with pytest.raises(TooManyFailures, match="the verdicts so far are kept"):
        await judge_pairs(asked(3), judge(model), tmp_path, seed=1)


def test_a_limit_needs_prices() -> None:
    with pytest.raises(ValueError, match="max_cost needs `prices`"):
        Judge.model_validate({"model": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}, "max_cost": 1})
