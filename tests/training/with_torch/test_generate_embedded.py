from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.training.teaching import rows
from tests.training.with_torch.training_command import RECIPES, ROOT, arguments, environment


@pytest.mark.timeout(600)
def test_the_embedded_engine_teaches_and_a_kill_of_the_command_loses_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = arguments("generate", "--recipe", str(RECIPES / "generate.yaml"), "--set", f"output_dir={output}")
    words += ["--set", "requests.concurrency=1", "--json"]
    place = environment() | {"DOCENT_ENGINE__START_SECONDS": "240"}  # of a machine that other tests keep busy
    with subprocess.Popen(words, cwd=ROOT, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while not replies(output):
            assert running.poll() is None, "the command ended before its first reply"
            time.sleep(0.02)
        running.kill()
    kept = replies(output)
    again = subprocess.run(words, cwd=ROOT, env=place, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    manifest = json.loads(again.stdout)["manifest"]  # nothing but the result is on stdout
    metrics = manifest["metrics"]
    assert metrics["cached"] >= kept
    assert metrics["chunks"] == 6
    assert metrics["requests"] == replies(output) >= 5
    assert len(rows(output / "ledger.jsonl")) in {metrics["requests"], metrics["requests"] + 1}  # killed in between
    assert metrics["pairs"] == len(rows(output / "pairs.jsonl"))
    assert metrics["prompt_tokens"] > 1000
    assert sum(metrics["failures"].values()) == len(rows(output / "failures.jsonl"))
    assert manifest["teacher"]["model"].startswith("SmolLM2-135M")


def replies(output: Path) -> int:
    return len(list((output / "cache").rglob("[0-9a-f]*.json")))
