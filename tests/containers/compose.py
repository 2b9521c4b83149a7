"""docker-compose.yml as Compose itself understands it; no engine is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent


def compose(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs Compose without this machine's variables, which could stand in the place of the file's own values."""
    return subprocess.run(
        [PROGRAMS / "docker-compose", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def read_profile(name: str) -> dict[str, Any]:
    """The file with everything filled in, and the services of one profile."""
    done = compose("--profile", name, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model
