"""From docs to an exported checkpoint in one command, which is killed in every stage and goes on each time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.training.with_torch.training_command import ROOT, arguments, docent_train, environment

RUN = ROOT / "training" / "runs" / "tiny-random.yaml"
HALF_WAY = {  # of each step what there is when it has done a part of its work
    "generate": "cache/*/*",
    "prepare": "corpus/*",
    "sft-a": "checkpoints/*/complete",
    "sft-b": "checkpoints/*/complete",
    "merge": ".parents/*",
    "export-merge": ".result/*",
    "preferences": "answers/*/*",
    "dpo": "checkpoints/*/complete",
    "export": ".result/*",
}
STEPS = list(HALF_WAY)
PATIENCE = 240  # seconds for a stage to begin
pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]


def killed_in(step: str, folder: Path) -> None:
    """Start the chain and kill it in the middle of `step`, which is made anew where it was over before the kill."""
    for _ in range(5):
        _kill_in(step, folder)
        if not (folder / step / "manifest.json").exists():
            return
        shutil.rmtree(folder / step)
    pytest.fail(f"{step} was over before each of five kills")


def _kill_in(step: str, folder: Path) -> None:
    words = ["run", str(RUN), "--set", f"output_dir={folder}"]
    process = subprocess.Popen(
        arguments(*words), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + PATIENCE
    while not any((folder / step).glob(HALF_WAY[step])) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.poll() is None or step == STEPS[-1]
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_chain_that_is_killed_in_every_stage_ends_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    for number, step in enumerate(STEPS):
        killed_in(step, folder)
        assert all((folder / finished / "manifest.json").exists() for finished in STEPS[:number])
    finished = {step: (folder / step / "manifest.json").read_bytes() for step in STEPS[:-1]}

    run = ["run", str(RUN), "--set", f"output_dir={folder}"]
    ended = docent_train(*run, "--json")

    assert ended.returncode == 0, ended.stderr
    steps = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(step["step"], step["made"]) for step in steps] == [(step, step == "export") for step in STEPS]
    assert finished == {step: (folder / step / "manifest.json").read_bytes() for step in STEPS[:-1]}
    metrics = {step["step"]: step["manifest"]["metrics"] for step in steps}
    for step in steps:
        told = {"models", "recipe", "data", "libraries", "seed", "metrics", "wall_seconds", "peak_memory_bytes"}
        assert told <= step["manifest"].keys()
        handles_tokens = step["step"] in {"generate", "prepare", "sft-a", "sft-b", "preferences", "dpo"}
        assert ("tokens_per_second" in step["manifest"]) is handles_tokens
    for name in ("sft-a", "sft-b"):
        assert metrics[name]["held_out_loss"] < metrics[name]["held_out_loss_before"]
    assert metrics["prepare"]["leakage"] == 0
    assert metrics["generate"]["pairs"] + 32 == metrics["prepare"]["read"]
    assert metrics["preferences"]["rejecting"]["not_grounded"] > 0
    assert metrics["dpo"]["held_out_reward_margin"] > 0
    assert metrics["dpo"]["resumed_from_step"] > 0
    files = set(steps[-1]["manifest"]["files"])
    assert {"model.safetensors", "model-f16.gguf", "model-q8_0.gguf", "README.md"} <= files
    assert (folder / "export" / "model-f16.gguf").read_bytes().startswith(b"GGUF")
    assert "generation -%}" not in (folder / "export" / "chat_template.jinja").read_text()
    assert json.loads((folder / "export" / "config.json").read_text())["dtype"] == "bfloat16"

    changed = docent_train(*run, "--set", "sft-b.optimisation.max_steps=2")
    assert changed.returncode == 1
    assert "other inputs (optimisation.max_steps)" in changed.stderr
