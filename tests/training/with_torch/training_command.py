"""Calls of `docent-train` on the tiny recipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 240  # seconds for a stage to come as far as a test wants it
RECIPES = ROOT / "training" / "recipes" / "tiny-random"


def environment() -> dict[str, str]:
    """Without a hub: nothing here may need one."""
    return {**os.environ, "HF_HUB_OFFLINE": "1"}


def arguments(*words: str) -> list[str]:
    return [sys.executable, "-m", "training", *words]


def killed(command: list[str], folder: Path, mark: str) -> None:
    """Start a stage and kill it once something below `folder` fits `mark`. Fails where the stage has ended before."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob(mark)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "manifest.json").exists()


def docent_train(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(*words), cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=240
    )


def made(*words: str) -> dict[str, Any]:
    """The last JSON line of a call that has to succeed, and says nothing beside it where nobody looks on."""
    done = docent_train(*words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
