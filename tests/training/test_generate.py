from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.training.teaching import recipe, rows, taught, write_docs
from training.carrying_out import carry_out, examine
from training.corpus import read_chunks, section_of
from training.errors import PreflightFailed, ResultRefused, RunConflict
from training.pair import pair_from
from training.schema.docs import Docs
from training.schema.generate import GenerateRecipe
from training.schema.stages import as_plain
from training.stage import run_folder
from training.teacher.asking import TooManyFailures
from training.teacher.ledger import CostReached

ROOT = Path(__file__).resolve().parents[2]
PRICES = {"prompt": 2, "completion": 10}


@pytest.fixture
def teacher() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        model.respond = taught
        yield model


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return write_docs(tmp_path / "docs")


def made(chosen: GenerateRecipe) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest, _ = carry_out("generate", chosen)
    return dict(manifest), rows(chosen.output_dir / "pairs.jsonl")


def command(chosen: GenerateRecipe, *more: str) -> list[str]:
    file = chosen.output_dir.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(as_plain(chosen)))
    return [sys.executable, "-m", "training", "generate", "--recipe", str(file), "--json", *more]


def called(chosen: GenerateRecipe, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(chosen, *more), cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.usefixtures("docs")
def test_a_run_has_pairs_of_every_kind_and_depth(tmp_path: Path, teacher: ScriptedModel) -> None:
    chosen = recipe(tmp_path, teacher, prices=PRICES)
    manifest, found = made(chosen)
    metrics = manifest["metrics"]
    assert metrics["pairs_by_depth"] == {"0": 3, "1": 3}
    # Of three sections one is held out, which has no other one on its side to be joined with.
    assert metrics["pairs_by_kind"] == {"answerable": 6, "multi_section": 2, "unanswerable": 1}
    assert metrics["failures"] == {"no_partner": 1}
    assert metrics["requests"] == len(teacher.requests) == 3 * 2 + 2 + 1 + 1
    assert metrics["cost"] == pytest.approx(10 * (50 * 2 + 5 * 10) / 1_000_000)
    assert (metrics["prompt_tokens"], metrics["completion_tokens"], metrics["cached"]) == (500, 50, 0)
    assert [row["row"] for row in found] == list(range(1, 10))
    assert all(
        pair_from(row, 0).as_row() == row | {name: tuple(row[name]) for name in ("chunks", "quotes")} for row in found
    )
    assert manifest["tokens_per_second"] > 0
    assert manifest["peak_memory_bytes"]["process"] > 10**7
    assert {"numpy", "onnxruntime", "tokenizers"} <= manifest["libraries"].keys()
    assert (manifest["seed"], manifest["recipe"]["passes"], len(manifest["data"])) == (42, 2, 1)
    assert manifest["wall_seconds"] > 0
    assert sorted(manifest["files"]) == ["failures.jsonl", "ledger.jsonl", "pairs.jsonl", "split.json"]


def test_no_pair_stands_on_both_sides_of_the_split(tmp_path: Path, docs: Path, teacher: ScriptedModel) -> None:
    chosen = recipe(tmp_path, teacher)
    _, found = made(chosen)
    split = json.loads((chosen.output_dir / "split.json").read_text())
    chunks = {chunk.id: chunk for chunk in read_chunks(docs)}
    assert sorted(split.values()) == ["held_out", "train", "train"]
    assert {row["split"] for row in found} == {"train", "held_out"}
    for row in found:
        assert {split[section_of(chunks[chunk])] for chunk in row["chunks"]} == {row["split"]}
    held = next(chunk for chunk in chunks.values() if split[section_of(chunk)] == "held_out")
    assert held.text.splitlines()[-1] not in " ".join(row["question"] for row in found if row["split"] == "train")


@pytest.mark.usefixtures("docs")
def test_only_pairs_with_verbatim_quotes_are_evolved(tmp_path: Path, teacher: ScriptedModel) -> None:
    def invents(prompt: str) -> str:
        return taught(prompt).replace("lumen reset", "lumen restart")

    teacher.respond = invents
    manifest, found = made(recipe(tmp_path, teacher, multi_section_share=0, unanswerable_share=0))
    assert manifest["metrics"]["pairs_by_depth"] == {"0": 3, "1": 2}
    assert "lumen restart" in " ".join(row["answer"] for row in found)  # kept: `prepare` counts it


@pytest.mark.usefixtures("docs")
def test_a_question_that_the_docs_answer_is_not_unanswerable(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda prompt: taught(prompt).replace("false", "true")
    chosen = recipe(tmp_path, teacher)
    manifest, _ = made(chosen)
    assert "unanswerable" not in manifest["metrics"]["pairs_by_kind"]
    refused = next(row for row in rows(chosen.output_dir / "failures.jsonl") if row["reason"] == "answered")
    assert re.fullmatch(r"What does .+ cost\?", refused["text"])


@pytest.mark.usefixtures("docs")
def test_a_stopped_run_goes_on_with_a_higher_limit_and_ends_as_one_that_was_never_stopped(
    tmp_path: Path, teacher: ScriptedModel
) -> None:
    chosen = recipe(tmp_path, teacher, prices=PRICES, requests={"concurrency": 1})
    stopped = called(chosen, "--max-cost", "0.0028")
    assert stopped.returncode == 1
    assert stopped.stderr.startswith("docent-train: max_cost 0.0028: 0.0")
    assert "the same command goes on from there" in stopped.stderr
    paid = len(teacher.requests)
    assert 0 < paid < 10
    assert len(rows(chosen.output_dir / ".result" / "ledger.jsonl")) == paid
    assert (chosen.output_dir / ".result" / "pairs.jsonl").read_text()
    with pytest.raises(CostReached):
        carry_out("generate", chosen.model_copy(update={"max_cost": 0.0028}))
    assert len(teacher.requests) == paid
    manifest, found = made(chosen)
    assert (manifest["metrics"]["cached"], len(teacher.requests)) == (paid, 10)
    whole = chosen.model_copy(update={"output_dir": tmp_path / "whole"})
    assert made(whole)[1] == found


@pytest.mark.usefixtures("docs")
def test_a_restart_asks_only_for_what_was_never_asked(tmp_path: Path, teacher: ScriptedModel) -> None:
    chosen = recipe(tmp_path, teacher, passes=1, unanswerable_share=0, multi_section_share=0, prices=PRICES)
    first, _ = carry_out("generate", chosen)
    deeper = chosen.model_copy(update={"passes": 2})
    with pytest.raises(RunConflict, match="passes"):
        carry_out("generate", deeper)
    second, _ = carry_out("generate", deeper, restart=True)
    assert (second["metrics"]["requests"], second["metrics"]["cached"], len(teacher.requests)) == (6, 3, 6)
    assert second["metrics"]["cost"] == pytest.approx(2 * first["metrics"]["cost"])  # of all that is in the cache


@pytest.mark.usefixtures("docs")
def test_a_recipe_that_preflight_refuses_leaves_room_for_the_right_one(tmp_path: Path, teacher: ScriptedModel) -> None:
    chosen = recipe(tmp_path, teacher)
    (tmp_path / "empty").mkdir()
    wrong = chosen.model_copy(update={"docs": Docs(str(tmp_path / "empty"))})
    with pytest.raises(PreflightFailed, match="holds no page"):
        carry_out("generate", wrong)
    assert [one.name for one in chosen.output_dir.iterdir()] == [".lock"]
    manifest, _ = made(chosen)
    with pytest.raises(PreflightFailed, match="holds no page"):
        carry_out("generate", wrong, restart=True)
    assert carry_out("generate", chosen) == (manifest, False)  # nothing was cleared for a recipe that cannot work


def test_how_and_at_what_price_a_teacher_is_asked_are_no_inputs(tmp_path: Path, teacher: ScriptedModel) -> None:
    write_docs(tmp_path / "docs")
    first = recipe(tmp_path, teacher)
    endpoint = first.teacher.model_copy(update={"api_key_env": "OTHER_KEY"})
    requests = first.requests.model_copy(update={"concurrency": 2, "timeout_seconds": 9})
    other = recipe(tmp_path, teacher, prices=PRICES, max_cost=3).model_copy(
        update={"teacher": endpoint, "requests": requests}
    )
    assert run_folder("generate", other).inputs == run_folder("generate", first).inputs
    hotter = first.model_copy(update={"teacher": first.teacher.model_copy(update={"temperature": 0.1})})
    assert run_folder("generate", hotter).inputs != run_folder("generate", first).inputs


@pytest.mark.usefixtures("docs")
def test_kill_9_costs_only_what_was_in_flight(tmp_path: Path, teacher: ScriptedModel) -> None:
    go_on, fifth = threading.Event(), threading.Event()

    def hangs(prompt: str) -> str | Reply:
        if len(teacher.requests) < 5:
            return taught(prompt)
        fifth.set()
        go_on.wait(60)
        return Reply("the client is gone", status=500)

    teacher.respond = hangs
    chosen = recipe(tmp_path, teacher, requests={"concurrency": 1})
    with subprocess.Popen(command(chosen), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        assert fifth.wait(120)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    go_on.set()
    teacher.respond = taught
    again = called(chosen)
    assert again.returncode == 0, again.stderr
    manifest = json.loads(again.stdout)["manifest"]
    assert (manifest["metrics"]["cached"], manifest["metrics"]["requests"]) == (4, 10)
    assert len(teacher.requests) == 5 + 6
    assert len(rows(chosen.output_dir / "ledger.jsonl")) == 10


@pytest.mark.usefixtures("docs")
def test_a_run_of_failures_is_no_result(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda _: Reply("out of order", status=500)
    chosen = recipe(tmp_path, teacher, requests={"retries": 0})
    with pytest.raises(TooManyFailures, match="requests failed, the last with http_500"):
        carry_out("generate", chosen)
    assert not (chosen.output_dir / "manifest.json").exists()
    assert {row["reason"] for row in rows(chosen.output_dir / ".result" / "failures.jsonl")} == {
        "http_500",
        "no_partner",
    }


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("Sure! Here you are.", "3 requests (not_json 3)"),
        (json.dumps({"pairs": []}), "3 requests (every reply was empty of pairs)"),
        (json.dumps({"pairs": [{"quotes": [], "question": "a", "answer": "b"}]}), "3 requests (quote_missing 3)"),
    ],
)
@pytest.mark.usefixtures("docs")
def test_a_run_without_a_pair_is_no_result_and_says_why(
    reply: str, told: str, tmp_path: Path, teacher: ScriptedModel
) -> None:
    teacher.respond = lambda _: reply
    only_written = {"passes": 1, "multi_section_share": 0, "unanswerable_share": 0}
    chosen = recipe(tmp_path, teacher, requests={"max_failed_share": 1}, **only_written)
    with pytest.raises(ResultRefused, match=re.escape(f"no pair came of {told}: take a larger teacher.model")):
        carry_out("generate", chosen)
    assert not (chosen.output_dir / "manifest.json").exists()
    if "not_json" in told:
        teacher.respond = taught
        assert made(chosen)[0]["metrics"]["pairs"] == 3


@pytest.mark.usefixtures("docs")
def test_replies_that_could_not_be_used_do_not_stop_the_next_attempt(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda _: "Sure! Here you are."
    chosen = recipe(tmp_path, teacher)
    with pytest.raises(TooManyFailures, match="not_json"):
        carry_out("generate", chosen)
    teacher.respond = taught
    metrics = made(chosen)[0]["metrics"]
    assert (metrics["cached"], metrics["failed_requests"], metrics["pairs"]) == (0, 0, 9)


@pytest.mark.usefixtures("docs")
def test_a_dry_run_tells_docs_requests_cost_and_teacher(
    tmp_path: Path, teacher: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(**changes: Any) -> dict[str, tuple[str, str]]:
        found = examine("generate", recipe(tmp_path, teacher, prices=PRICES, **changes))
        return {one.check: (one.level, one.text) for one in found}

    found = told(max_cost=5)
    assert found["docs"] == ("ok", "3 of 3 chunks, 1 of them held out, in 3 sections")
    assert found["requests"][1].startswith("up to 11 requests, about ")
    assert (found["cost"][0], found["teacher"][0]) == ("ok", "ok")
    assert told(max_cost=0.0001)["cost"][0] == "warning"
    gone = {"base_url": "http://127.0.0.1:9/v1", "model": "scripted"}
    assert told(teacher=gone)["teacher"][0] == "warning"
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    assert told(teacher=gone | {"api_key_env": "NO_SUCH_KEY"})["teacher"][0] == "error"
    assert not teacher.requests
    empty = tmp_path / "empty"
    empty.mkdir()
    assert told(docs=str(empty))["docs"][0] == "error"
    missing = examine("generate", recipe(tmp_path, teacher, docs=str(tmp_path / "none")))
    assert [(one.level, one.check) for one in missing] == [("error", "source")]
