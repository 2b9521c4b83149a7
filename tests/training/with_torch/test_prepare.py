from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.training.with_torch.training_command import RECIPES, ROOT, arguments, docent_train, environment, made
from training.preferences import preference_rows
from training.recipe import load_recipe
from training.rows import normalised, sft_chats
from training.schema.data import PreferenceData, Rows, SftData
from training.schema.prepare import PrepareRecipe
from training.schema.stages import as_plain
from training.splitting import Entry, check_leakage
from training.stage import run_folder

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

TICKETS = "outcomes=[{path: tests/training/data/ferry_tickets.jsonl}]"
EVERY_FORMAT = ["--set", "formats=[chat, raft, preferences]", "--set", TICKETS]
PREPARE = ["prepare", "--recipe", str(RECIPES / "prepare.yaml"), *EVERY_FORMAT]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("prepare") / "out"
    return folder, made(*PREPARE, "--set", f"output_dir={folder}")["manifest"]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_format_has_both_sides_and_what_made_it(prepared: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = prepared
    metrics = manifest["metrics"]
    assert metrics["read"] == 32
    assert 15 <= metrics["kept"] <= 31
    assert metrics["leakage"] == 0
    assert list(metrics["kept_by_filter"].values())[-1] == metrics["kept"]
    for name in ("chat", "raft", "preferences"):
        rows = {side: lines(folder / name / f"{side}.jsonl") for side in ("train", "held_out")}
        assert {side: len(found) for side, found in rows.items()} == metrics["rows"][name]
        assert rows["train"]
        saved = datasets.load_from_disk(folder / name / "dataset")
        assert {side: len(found) for side, found in saved.items()} == {side: len(r) for side, r in rows.items() if r}
        assert saved["train"][0] == rows["train"][0]
    assert metrics["rows"]["chat"]["held_out"] >= 2
    assert {"funnel.json", "README.md"} <= set(manifest["files"])
    assert metrics["tokens"] > 32 * 10
    assert manifest["tokens_per_second"] > 0
    assert manifest["peak_memory_bytes"]["process"] > 10**7


def test_the_card_names_sources_counts_and_terms(prepared: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = prepared
    card = (folder / "README.md").read_text()
    assert "Licence of docs and pairs: that of Docent" in card
    assert "tests/training/data/ferry_pairs.jsonl" in card
    for name, sides in manifest["data_hashes"].items():
        for side, found in sides.items():
            assert f"| {name} | {side} | {manifest['metrics']['rows'][name][side]} | `{found[:16]}` |" in card


def test_what_is_wrong_or_measured_on_is_in_no_row(prepared: tuple[Path, dict[str, Any]]) -> None:
    every = {file.parent.name + file.name: file.read_text() for file in prepared[0].glob("*/*.jsonl")}
    assert len(every) == 6
    assert not [name for name, text in every.items() if "quantum" in text or "pause a Ferry schedule" in text]
    assert not [name for name, text in every.items() if "9999" in text and not name.startswith("chat")]


def test_nothing_stands_on_both_sides(prepared: tuple[Path, dict[str, Any]]) -> None:
    sides = []
    for side in ("train", "held_out"):
        rows = lines(prepared[0] / "raft" / f"{side}.jsonl") + lines(prepared[0] / "chat" / f"{side}.jsonl")
        asked = [next(one["content"] for one in row["messages"] if one["role"] == "user") for row in rows]
        questions = [one.rpartition("\n\nQuestion: ")[2] for one in asked]
        sides.append([Entry(question, row["section"]) for question, row in zip(questions, rows, strict=True)])
    check_leakage(sides[0], sides[1], 0.8)
    held_out = {normalised(one.question) for one in sides[1]}
    assert held_out
    assert held_out.isdisjoint(normalised(one.question) for one in sides[0])


def test_the_other_stages_read_what_is_written(prepared: tuple[Path, dict[str, Any]]) -> None:
    folder = prepared[0]
    for name in ("chat", "raft"):
        data = SftData(
            train=Rows(path=str(folder / name / "train.jsonl")),
            held_out=Rows(path=str(folder / name / "dataset"), split="held_out"),
        )
        train, held_out = sft_chats(data, 1)
        assert [len(train), len(held_out)] == list(prepared[1]["metrics"]["rows"][name].values())
        assert all(chat[-1]["role"] == "assistant" for chat in train)
    pairs, _ = preference_rows(
        PreferenceData(train=Rows(path=str(folder / "preferences" / "train.jsonl")), held_out_rows=1)
    )
    assert pairs[0]["prompt"][0]["role"] == "system"


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        scripted.respond = lambda _: json.dumps({"unsupported_claim": "", "supported": True, "self_standing": True})
        yield scripted


def test_a_judge_that_stopped_at_its_limit_goes_on_with_a_higher_one(model: ScriptedModel, tmp_path: Path) -> None:
    def command(max_cost: float, concurrency: int) -> list[str]:
        asked = f"{{base_url: '{model.base_url}', model: m, max_tokens: 16, temperature: 0}}"
        more = f"prices: {{prompt: 1000, completion: 1000}}, requests: {{concurrency: {concurrency}}}"
        judge = f"filters.judge={{model: {asked}, {more}, max_cost: {max_cost}}}"
        return [*PREPARE, "--set", f"output_dir={tmp_path / 'out'}", "--set", "formats=[chat]", "--set", judge]

    stopped = docent_train(*command(1.5, 1))
    assert (stopped.returncode, stopped.stderr.count("\n")) == (1, 1)
    assert "max_cost 1.5: " in stopped.stderr
    paid = len(model.requests)
    assert paid > 0
    kept = made(*command(1000, 2))["manifest"]["metrics"]["kept"]
    assert paid < len(model.requests) == kept
    made(*command(1000, 2), "--set", "held_out_share=0.3", "--restart")
    assert len(model.requests) == kept


def test_how_a_rejected_model_is_asked_is_no_input(tmp_path: Path) -> None:
    def inputs(**how: Any) -> object:
        rejecting = {"base_url": "http://127.0.0.1:9/v1", "model": "m", **how}
        recipe = load_recipe("prepare", RECIPES / "prepare.yaml", [f"output_dir={tmp_path}"])
        changed = PrepareRecipe.model_validate(as_plain(recipe) | {"rejecting": rejecting})
        return run_folder("prepare", changed).inputs

    assert inputs() == inputs(concurrency=1, api_key_env="KEY") != inputs(temperature=0.1)


@pytest.fixture
def slow_model() -> Iterator[ScriptedModel]:
    def answer(_: str) -> str:
        time.sleep(0.2)
        return "Ferry is unmatched."

    with ScriptedModel() as model:
        model.respond = answer
        yield model


def test_killed_while_it_asks_it_asks_only_for_the_rest(slow_model: ScriptedModel, tmp_path: Path) -> None:
    rejecting = f"rejecting={{base_url: {slow_model.base_url}, model: m, concurrency: 1}}"
    command = [*PREPARE, "--set", f"output_dir={tmp_path}", "--set", rejecting, "--set", "formats=[preferences]"]
    process = subprocess.Popen(arguments(*command), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(slow_model.requests) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "manifest.json").exists()
    before = len(slow_model.requests)
    metrics = made(*command)["manifest"]["metrics"]
    asked = sum(metrics["rejecting"].values())
    assert 4 <= before < asked
    assert len(slow_model.requests) <= asked + 1  # the one in flight is asked again
    assert len(set(slow_model.prompts())) == asked
    assert metrics["rows"]["preferences"]["train"] >= metrics["rejecting"]["not_grounded"] // 2


def test_a_dry_run_says_what_would_be_made_of_what(tmp_path: Path) -> None:
    folder = tmp_path / "dry"
    done = docent_train(
        *PREPARE, "--dry-run", "--json", "--set", f"output_dir={folder}", "--set", "raft.max_length=512"
    )
    found = {one["check"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0
    assert found["docs"]["text"] == "6 chunks"
    assert found["outcomes"]["text"].startswith("3 of 5")
    assert found["raft lengths"]["level"] == "warning"
    assert not folder.exists()


def test_filters_that_keep_nothing_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = docent_train(*PREPARE, "--set", f"output_dir={folder}", "--set", "filters.max_answer_tokens=1")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the filters keep no pair (dropped by length 32)" in done.stderr
    assert (folder / ".result" / "funnel.md").exists()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("docs=nowhere/at/all", "there is no file nowhere/at/all"),
        ("pairs=[{path: tests/training/data/preferences.jsonl}]", "row 1 has no question and answer"),
        ("evaluation=[{path: tests/training/data/ferry_tickets.jsonl}]", "row 1 has no `question`"),
        ("rejecting={base_url: 'http://127.0.0.1:9/v1', api_key_env: FERRY_KEY}", "variable FERRY_KEY is not set"),
    ],
)
def test_what_is_not_there_is_one_line(setting: str, reason: str, tmp_path: Path) -> None:
    done = docent_train(*PREPARE, "--set", f"output_dir={tmp_path / 'out'}", "--set", setting)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert reason in done.stderr
