from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.training.with_torch.training_command import RECIPES, ROOT, arguments, environment, killed
from training.carrying_out import carry_out, examine
from training.errors import PreflightFailed
from training.recipe import load_recipe

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny recipes name their files from there."""
    monkeypatch.chdir(ROOT)


def carried_out(stage: str, folder: Path, *settings: str) -> Mapping[str, Any]:
    recipe = load_recipe(stage, RECIPES / f"{stage}.yaml", [f"output_dir={folder}", *settings])
    return carry_out(stage, recipe)[0]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Any]]:
    folder = tmp_path_factory.mktemp("sft") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder, carried_out("sft", folder, "optimisation.max_steps=4")


@pytest.fixture(scope="module")
def tuned(adapter: tuple[Path, Mapping[str, Any]]) -> tuple[Path, Mapping[str, Any]]:
    folder = adapter[0].parent / "dpo"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder, carried_out("dpo", folder, f"model.name={adapter[0]}")


def test_margin_and_accuracy_of_held_out_pairs_rise(tuned: tuple[Path, Mapping[str, Any]]) -> None:
    metrics = tuned[1]["metrics"]
    assert metrics["held_out_reward_margin_before"] == 0
    assert metrics["held_out_loss_before"] == pytest.approx(0.6931, abs=1e-4)  # ln 2: policy and reference are one
    assert metrics["held_out_reward_margin"] > 0.2
    assert metrics["held_out_reward_accuracy"] > 0.9
    assert metrics["held_out_loss"] < 0.6


def test_it_starts_from_the_adapter_of_sft_and_says_what_became_of_it(
    adapter: tuple[Path, Mapping[str, Any]], tuned: tuple[Path, Mapping[str, Any]]
) -> None:
    metrics = tuned[1]["metrics"]
    assert metrics["held_out_sft_loss_before"] == pytest.approx(adapter[1]["metrics"]["held_out_loss"], abs=1e-4)
    (finding,) = tuned[1]["findings"]
    assert (finding["check"], finding["level"]) == ("held-out SFT loss", "ok")
    assert f"{metrics['held_out_sft_loss']:.4f} after" in finding["text"]


def test_its_folder_is_an_adapter_with_metrics_and_curve(tuned: tuple[Path, Mapping[str, Any]]) -> None:
    folder, manifest = tuned
    assert {"adapter_model.safetensors", "tokenizer.json", "loss.png"} <= set(manifest["files"])
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "tensorboard").iterdir())
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval_rewards/margins" in row] == [0, 4, 8, 12]
    assert not (folder / "pairs").exists()
    assert {"tests/training/data/preferences.jsonl", "tests/training/data/pairs.jsonl"} == set(manifest["data"])


def test_a_policy_that_forgets_is_told(adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path) -> None:
    wild = ["optimisation.learning_rate=0.1", "optimisation.max_steps=6", "beta=0.01"]
    manifest = carried_out("dpo", tmp_path / "wild", f"model.name={adapter[0]}", *wild)
    (finding,) = manifest["findings"]
    assert finding["level"] == "warning"
    assert "allowed +0.05): take a larger beta" in finding["text"]


def test_all_weights_against_a_reference_read_before_or_beside(
    adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path
) -> None:
    settings = [f"model.name={adapter[0]}", "lora=null", "optimisation.max_steps=4", "optimisation.learning_rate=1e-3"]
    before = carried_out("dpo", tmp_path / "before", *settings)
    beside = carried_out("dpo", tmp_path / "beside", *settings, "precompute_reference=false")
    assert "model.safetensors" in before["files"]
    assert before["metrics"]["held_out_loss"] < before["metrics"]["held_out_loss_before"] - 0.01
    for name in ("held_out_loss_before", "held_out_loss", "held_out_reward_margin"):
        assert before["metrics"][name] == pytest.approx(beside["metrics"][name], abs=1e-4)


def test_killed_in_the_middle_it_ends_as_if_it_had_not_been(
    adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path
) -> None:
    settings = [f"model.name={adapter[0]}", "optimisation.max_steps=40", "optimisation.save_steps=3"]
    folder = tmp_path / "killed"
    words = [word for one in [f"output_dir={folder}", *settings] for word in ("--set", one)]
    command = arguments("dpo", "--recipe", str(RECIPES / "dpo.yaml"), *words)
    killed(command, folder, "checkpoints/checkpoint-*/complete")

    telling = {**environment(), "TQDM_DISABLE": ""}
    again = subprocess.run(command, cwd=ROOT, env=telling, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "Computing reference log probs" not in again.stderr  # they are stored, too
    resumed = json.loads((folder / "manifest.json").read_text())["metrics"]
    straight = carried_out("dpo", tmp_path / "straight", *settings)["metrics"]
    assert resumed["resumed_from_step"] >= 3
    assert resumed["steps"] == straight["steps"] == 40
    assert resumed["held_out_loss"] == pytest.approx(straight["held_out_loss"], abs=1e-5)
    assert resumed["held_out_sft_loss_before"] == straight["held_out_sft_loss_before"]


def test_prompts_that_leave_no_room_for_an_answer_are_an_error(
    adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path
) -> None:
    settings = [f"output_dir={tmp_path / 'short'}", f"model.name={adapter[0]}", "optimisation.max_length=16"]
    recipe = load_recipe("dpo", RECIPES / "dpo.yaml", settings)
    found = {finding.check: finding for finding in examine("dpo", recipe)}
    assert found["prompts"].level == "error"
    with pytest.raises(PreflightFailed, match="every prompt fills max_length 16"):
        carry_out("dpo", recipe)


def test_a_recipe_without_held_out_chats_is_warned(adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path) -> None:
    settings = [f"output_dir={tmp_path}", f"model.name={adapter[0]}", "held_out_chats=null"]
    found = {
        finding.check: finding.level for finding in examine("dpo", load_recipe("dpo", RECIPES / "dpo.yaml", settings))
    }
    assert (found["held-out chats"], found["rows"], found["memory"]) == ("warning", "ok", "ok")


def test_two_processes_train_one_model(adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = ["--set", f"output_dir={tmp_path / 'ddp'}", "--set", f"model.name={adapter[0]}", "--json"]
    command = [*launcher, "-m", "training", "dpo", "--recipe", str(RECIPES / "dpo.yaml"), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)["manifest"]
    assert manifest["processes"] == 2
    assert manifest["metrics"]["held_out_reward_margin"] > 0.2


def test_chats_to_measure_by_that_are_empty_do_not_switch_the_guard_off(
    adapter: tuple[Path, Mapping[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "text.md").write_text("\n")
    settings = [f"output_dir={tmp_path / 'out'}", f"model.name={adapter[0]}"]
    settings += [f"held_out_chats={{path: {tmp_path / 'text.md'}}}"]
    *others, finding = examine("dpo", load_recipe("dpo", RECIPES / "dpo.yaml", settings))
    assert not [one for one in others if one.level == "error"]
    assert finding.level == "error"
    assert "text.md is empty" in finding.text
