"""FP8 and AWQ folders beside an export, by llm-compressor in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.errors import SourceError
from training.preflight.finding import Finding
from training.rows import as_chat, read_as
from training.schema.stages import Compression

_SCRIPT = Path(__file__).with_name("llm_compressor_run.py")


def check_compression(how: Compression) -> list[Finding]:
    """Whether it can run here; loads nothing."""
    python = Path(how.python)
    if not python.is_file():
        text = f"there is no {python}: `make install-compress` makes it, or set compression.python to an interpreter"
        return [Finding("error", "compression", text)]
    if "awq" in how.formats and not torch.cuda.is_available():
        return [Finding("error", "compression", "llm-compressor's AWQ pins memory for a GPU, and there is none here")]
    return [Finding("ok", "compression", f"{', '.join(how.formats)} by {python}")]


def calibration_texts(how: Compression) -> list[str]:
    """What AWQ finds its scales on: the said parts of the rows, for the template adds little. Raises SourceError."""
    if how.calibration is None:
        return []
    chats = read_as(how.calibration, lambda row, _: as_chat(row))
    return ["\n\n".join(str(message["content"]) for message in chat) for chat in chats]


def compress(model: Path, target: Path, kind: str, how: Compression, texts: Sequence[str], probe: str) -> float:
    """Write `model` compressed into the folder `target`; returns its divergence from it (nats a token).

    Raises SourceError with the last line of a run that failed.
    """
    target.mkdir()
    specification = target / "specification.json"
    paths = {"model": str(model.resolve()), "target": str(target.resolve())}
    given: dict[str, Any] = {**paths, "kind": kind, "probe": probe}
    given |= {"texts": list(texts), "max_length": how.max_length}
    specification.write_text(json.dumps(given), encoding="utf-8")
    done = subprocess.run(  # noqa: S603  (an interpreter that the recipe names)
        [how.python, str(_SCRIPT), str(specification)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SourceError(f"llm-compressor failed for {kind}: {last}")
    specification.unlink()
    return float(json.loads(done.stdout.splitlines()[-1])["divergence"])
