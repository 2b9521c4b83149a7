"""Which checkpoint training goes on from. A kill may leave one half written, whatever its folder is called."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.run_folder import is_main_process

_SEAL = "complete"


class Sealing(TrainerCallback):
    """Marks each checkpoint once the trainer has written all of it."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if is_main_process():
            (_of_step(Path(args.output_dir), state.global_step) / _SEAL).touch()


def last_sealed(folder: Path) -> Path | None:
    """The newest complete checkpoint. None: training begins anew."""
    steps = [int(seal.parent.name.rsplit("-", 1)[1]) for seal in folder.glob(f"checkpoint-*/{_SEAL}")]
    return _of_step(folder, max(steps)) if steps else None


def drop_unsealed(folder: Path) -> None:
    """Delete what a kill left half written, so that it does not count among those that are kept."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / _SEAL).exists():
            shutil.rmtree(checkpoint)


def _of_step(folder: Path, step: int) -> Path:
    return folder / f"checkpoint-{step}"
