"""What a dry run of a chain tells of steps whose models and rows are not made yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.with_torch.training_command import ROOT, docent_train

RUN = ROOT / "training" / "runs" / "tiny-random.yaml"
pytestmark = pytest.mark.training


def dry_run(folder: Path, *settings: str) -> tuple[int, dict[str, dict[str, tuple[str, str]]]]:
    """Exit code, and by step the level and text of each check."""
    words = [word for setting in (f"output_dir={folder}", *settings) for word in ("--set", setting)]
    done = docent_train("run", str(RUN), "--dry-run", "--json", *words)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    found = {step["step"]: {one["check"]: (one["level"], one["text"]) for one in step["findings"]} for step in steps}
    return done.returncode, found


def test_steps_are_looked_at_with_the_model_that_begins_the_chain(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    code, steps = dry_run(folder)
    assert code == 0, steps
    for step, parent in (("export", "dpo"), ("export-merge", "merge"), ("dpo", "merge")):
        assert steps[step]["model"] == (
            "note",
            f"an earlier step makes {folder / parent}: tiny-random stands in for its shape and tokenizer",
        )
    assert steps["export"]["disk"][0] == steps["merge"]["disk"][0] == "ok"
    assert steps["dpo"]["lora scale"][0] == "ok"
    assert "serving" not in steps["dpo"]
    assert steps["dpo"]["source"][1].startswith(f"an earlier step makes {folder}/preferences/preferences/train.jsonl:")
    assert steps["sft-a"]["source"][0] == "note"
    assert not folder.exists()


def test_what_no_step_makes_is_an_error_after_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "chain").mkdir()
    # a neighbour whose name begins alike is not what the step makes
    other = tmp_path / "chain" / "preparation" / "train.jsonl"
    code, steps = dry_run(tmp_path / "chain", f"sft-a.data.train.path={other}", "dpo.lora.target=[nothing]")
    assert code == 3
    assert steps["sft-a"]["source"] == ("error", f"there is no file {other}")
    assert steps["sft-a"]["lora scale"][0] == "ok"
    assert "nothing" in steps["dpo"]["lora layers"][1]
    assert steps["dpo"]["lora layers"][0] == "error"
