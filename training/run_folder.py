"""A stage's output folder: claimed by one process, resumed only with the same inputs, finished by its manifest."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from training.errors import RunConflict
from training.fingerprint import json_hash, weights_hash
from training.manifest import INPUTS, MANIFEST, library_versions, peak_memory_bytes, read_manifest, write_json

_STAGING = ".result"
_LOCK = ".lock"
# What was paid for, by what was asked: a teacher's replies, a judge's verdicts, a model's answers, and what they cost.
_PAID_FOR = frozenset({"cache", "ledger.jsonl", "judge", "answers"})


def is_main_process() -> bool:
    """Whether this is the process that writes: the first of those that `accelerate launch` or `torchrun` started."""
    return int(os.environ.get("RANK", "0")) == 0


@dataclass(slots=True)
class RunFolder:
    """inputs: stage, recipe without its output_dir, identities of models and hashes of data."""

    path: Path
    inputs: Mapping[str, Any]
    started: float = field(default_factory=time.monotonic)

    @property
    def staging(self) -> Path:
        """Where the result is made; `finish` moves it up."""
        return self.path / _STAGING

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    def finished(self) -> dict[str, Any] | None:
        """The manifest of an earlier run with the same inputs."""
        if not (self.path / MANIFEST).is_file():
            return None
        manifest = read_manifest(self.path)
        return manifest if manifest.get("inputs_hash") == json_hash(self.inputs) else None

    def begin(self, *, restart: bool) -> None:
        """Write what the run is made from, and make room for its result. The folder is claimed.

        restart: what an earlier run left is deleted, but for replies that were paid for: they are found by what is
        asked, so that other inputs take none that is not theirs. Only the first of several processes does this.
        """
        if not is_main_process():
            return
        if restart:
            _clear(self.path)
        shutil.rmtree(self.staging, ignore_errors=True)
        write_json(self.path / INPUTS, self.inputs)
        self.staging.mkdir()

    def finish(self, recipe: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Move the result up from `staging` and write the manifest, last. Returns the manifest."""
        files = {}
        for file in sorted(self.staging.iterdir()):
            target = self.path / file.name
            if target.is_dir():
                shutil.rmtree(target)
            file.replace(target)
            if target.is_file():
                target.chmod(0o644)  # safetensors are written for their owner alone, but served by another user
                files[file.name] = {"bytes": target.stat().st_size, "hash": weights_hash(target)}
        self.staging.rmdir()
        manifest = {
            **{key: self.inputs[key] for key in ("stage", "models", "data")},
            "recipe": dict(recipe),
            "seed": recipe["seed"],
            "inputs_hash": json_hash(self.inputs),
            "libraries": library_versions(),
            "wall_seconds": round(time.monotonic() - self.started, 1),
            "peak_memory_bytes": peak_memory_bytes(),
            **outcome,
            "files": files,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(self.path / MANIFEST, manifest)
        return manifest


@contextmanager
def claimed(folder: RunFolder, *, restart: bool) -> Iterator[None]:
    """Hold the folder while the block runs. Raises RunConflict where another holds it, or it has other inputs.

    Nothing is written but the lock: `begin` does, once it is known that the run can work.
    restart: other inputs are no hindrance. A process that is not the first of several only passes through.
    """
    if not is_main_process():
        yield
        return
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunConflict(f"output_dir {folder.path} cannot be made: {error.strerror}") from error
    lock = FileLock(folder.path / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunConflict(f"{folder.path} is in use by another docent-train") from None
    try:
        _refuse_other_work(folder, restart=restart)
        yield
    finally:
        lock.release()


def _refuse_other_work(folder: RunFolder, *, restart: bool) -> None:
    left = _inputs_of(folder.path)
    if left is not None and not restart and json_hash(left) != json_hash(folder.inputs):
        changed = ", ".join(_differences(left, dict(folder.inputs))[:4])
        raise RunConflict(
            f"{folder.path} holds the work of other inputs ({changed}): --restart discards it, "
            "--set output_dir=… keeps it"
        )
    foreign = [one.name for one in folder.path.iterdir() if one.name != _LOCK and not one.name.startswith(".")]
    if left is None and foreign:
        raise RunConflict(f"output_dir {folder.path} holds files of something else: {', '.join(sorted(foreign)[:3])}")


def _inputs_of(path: Path) -> dict[str, Any] | None:
    file = path / INPUTS
    if not file.is_file():
        return None
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:  # damaged: as good as other inputs
        return {}
    return value if isinstance(value, dict) else {}


def _clear(path: Path) -> None:
    """Delete what a stage left but what was paid for, and its inputs: by them the folder stays known as ours.

    A folder without our inputs file is not ours to clear. The manifest goes first: a kill in between leaves no folder
    that looks finished.
    """
    if not (path / INPUTS).is_file():
        return
    (path / MANIFEST).unlink(missing_ok=True)
    for one in path.iterdir():
        if one.name in {_LOCK, INPUTS, *_PAID_FOR}:
            continue
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()


def _differences(left: Any, right: Any, place: str = "") -> list[str]:  # noqa: ANN401
    """Dotted keys at which two trees differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted({*left, *right})
        return [one for key in keys for one in _differences(left.get(key), right.get(key), f"{place}.{key}".strip("."))]
    return [] if left == right else [place.removeprefix("recipe.")]
