"""What is told while training: a line of JSON, TensorBoard's events and a bar on stderr."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.manifest import peak_memory_bytes
from training.run_folder import is_main_process


class Speed(TrainerCallback):
    """Seconds within training steps of this process: evaluation and saving are left out."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.tokens = 0
        self._began = 0.0
        self._before: int | None = None

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self._before is None:
            self._before = int(state.num_input_tokens_seen)
        self._began = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.seconds += time.perf_counter() - self._began
        self.tokens = int(state.num_input_tokens_seen) - (self._before or 0)

    @property
    def tokens_per_second(self) -> float:
        """All processes together."""
        return self.tokens / self.seconds if self.seconds else 0.0


class Journal(TrainerCallback):
    """Appends each log of the trainer to `metrics.jsonl`. Steps that a resumed run makes again stand there twice."""

    def __init__(self, path: Path, tensorboard: Path, speed: Speed) -> None:
        self._path = path
        self._speed = speed
        self._events = SummaryWriter(str(tensorboard)) if is_main_process() else None

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        if self._events is None or not logs:
            return
        row = {"step": state.global_step, **logs, "tokens_per_second": round(self._speed.tokens_per_second, 1)}
        self.write(row)
        for name, value in logs.items():
            if isinstance(value, int | float):
                self._events.add_scalar(name, value, state.global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self._events is not None:
            self._events.close()

    def write(self, row: dict[str, Any]) -> None:
        """One line, of the main process."""
        if is_main_process():
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


class Bar(TrainerCallback):
    """Steps, loss and the time that is left. Nothing where stderr is no terminal."""

    def __init__(self, label: str) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[loss]}"),
            console=console,
            disable=not (console.is_terminal and is_main_process()),
        )
        self._task = self._progress.add_task(label, total=None, loss="")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._progress.start()
        self._progress.update(self._task, total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self._progress.update(self._task, completed=state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        for name, label in (("loss", "loss"), ("eval_loss", "held out")):
            if logs and name in logs:
                self._progress.update(self._task, loss=f"{label} {logs[name]:.3f}")

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self._progress.stop()


def peak_with_gpu() -> dict[str, int]:
    """Of this process since it began; on GPUs also the largest that torch allocated."""
    peak = peak_memory_bytes()
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated()
    return peak
