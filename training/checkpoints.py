"""Where training goes on after a kill: from the last whole checkpoint, with the same batches as without it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import get_sampler
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from training.run_folder import is_main_process

_SEAL = "complete"


class Sealing(TrainerCallback):
    """Marks each checkpoint once the trainer has written all of it: a kill may leave one half written."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if is_main_process():
            (_of_step(Path(args.output_dir), state.global_step) / _SEAL).touch()


class EpochOrder(TrainerCallback):
    """Rows grouped by length come in an order of seed and epoch alone.

    The sampler draws from torch's global generator otherwise, and a resumed run would see other batches.
    """

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: DataLoader[Any] | None = None,
        **_: object,
    ) -> None:
        sampler = get_sampler(train_dataloader)
        if isinstance(sampler, LengthGroupedSampler):
            epoch = round(state.epoch or 0, 6)  # a fraction where a run goes on within an epoch
            sampler.generator = torch.Generator().manual_seed(args.data_seed * 1000 + int(epoch))


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
