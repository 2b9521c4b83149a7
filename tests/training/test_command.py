"""What a script sees of `docent-train`: exit codes, and errors of one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def docent_train(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_wrong_usage_ends_with_two() -> None:
    assert docent_train("sft").returncode == 2
    assert docent_train("sft", "--recipe", "a.yaml", "--fast").returncode == 2


def test_an_error_ends_with_one_and_says_so_in_a_line(tmp_path: Path) -> None:
    gone = docent_train("merge", "--recipe", str(tmp_path / "gone.yaml"), "--json")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.count("\n") == 1
    assert gone.stderr.startswith("docent-train: ")
    assert "cannot be read" in gone.stderr
