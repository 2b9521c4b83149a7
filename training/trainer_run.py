"""What SFT and DPO share around trl's trainers: the model, going on after a kill, and the figures of a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import transformers
from accelerate import PartialState
from peft import LoraConfig
from peft.utils.other import TrainableTokensWrapper
from transformers import EarlyStoppingCallback, PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback
from transformers.integrations import is_deepspeed_zero3_enabled

from training.allocator import give_back_when_short, keep_freed_memory
from training.arguments import lora_config
from training.chat_template import CHATML, use_chatml
from training.checkpoints import EpochOrder, Sealing, drop_unsealed, last_sealed
from training.curves import read_metrics
from training.loading import fit_vocabulary, load_config, load_model, load_tokenizer
from training.model_source import find
from training.preflight.divided import check_divided
from training.quantizing import load_quantized
from training.run_folder import RunFolder, is_main_process
from training.schema.base import ModelSource
from training.schema.lora import Lora
from training.watching import Bar, Journal, Speed, peak_with_gpu

# trl's fused head asks lm_head for its bias, which peft's wrapper of trained token rows does not pass on; the heads of
# the models that are trained here have none.
TrainableTokensWrapper.bias = None

Measured = Mapping[str, float]
_UNPACKED = "base"  # in the run's folder, until it is finished
_BEFORE = "before_training"  # key of a line in metrics.jsonl
# A pickle of trl's arguments, and a card of nothing but links.
_NOT_FOR_THE_RESULT = ("training_args.bin", "README.md")


@dataclass(frozen=True, slots=True)
class Learner:
    """A model with ChatML, and the adapter that is trained in its place; None: all weights are."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapter: LoraConfig | None


def load_learner(source: ModelSource, lora: Lora | None, run: RunFolder) -> Learner:
    """An adapter's folder is merged into its base first, so that what is trained anew starts from both.

    Call it after the trainer's arguments are made: they say which device is this process's, and whether weights are
    divided while they are read.
    """
    keep_freed_memory()
    tokenizer = load_tokenizer(source)
    new_tokens = use_chatml(tokenizer)
    if is_deepspeed_zero3_enabled():
        check_divided(find(source), lora, load_config(source).get("vocab_size", 0), len(tokenizer))
    if lora is not None and lora.quantize == "nf4":
        model = load_quantized(source, run.path / _UNPACKED)
    else:
        model = load_model(source)
    fit_vocabulary(model, tokenizer)
    if lora is None:
        model.requires_grad_(requires_grad=True)  # peft froze the base of an adapter that was merged
    return Learner(model, tokenizer, lora_config(lora, model, new_tokens) if lora else None)


class GivingBack(TrainerCallback):
    """Keeps what the allocator holds from crowding out the rest of the machine, after each pass forward."""

    def on_substep_end(self, *_: object, **__: object) -> None:
        give_back_when_short()

    def on_step_end(self, *_: object, **__: object) -> None:
        give_back_when_short()

    def on_prediction_step(self, *_: object, **__: object) -> None:
        give_back_when_short()


@dataclass(slots=True)
class Watch:
    """Callbacks of one run, and what they saw."""

    run: RunFolder
    label: str
    patience: int
    speed: Speed = field(default_factory=Speed)
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.run.metrics, self.run.path / "tensorboard", self.speed)

    @property
    def callbacks(self) -> list[TrainerCallback]:
        stopping = [EarlyStoppingCallback(self.patience)] if self.patience else []
        return [self.speed, self.journal, Sealing(), EpochOrder(), GivingBack(), Bar(self.label), *stopping]


@dataclass(frozen=True, slots=True)
class Progress:
    """before, after: the trainer's held-out loss and rewards (`eval_…`), and what `measure` gave."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    outcome: dict[str, Any]


def carry_on(trainer: Trainer, watch: Watch, measure: Callable[[PreTrainedModel], Measured]) -> Progress:
    """Train from the last whole checkpoint, or from the beginning; the result goes to the run's staging folder.

    measure: figures of the model as it is, taken before and after. A run that was cut off keeps those from before in
    `metrics.jsonl`. With sharded weights (FSDP, ZeRO-3) it is not called: a plain loop sees only a part of them.
    """
    run, state = watch.run, PartialState()
    trainer.remove_callback(transformers.PrinterCallback)  # stdout is for the result
    assert trainer.processing_class.chat_template == CHATML  # noqa: S101  (what is saved is what was trained on)
    if state.is_main_process:
        drop_unsealed(run.checkpoints)
    state.wait_for_everyone()
    checkpoint = last_sealed(run.checkpoints)
    whole = not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled)
    before = _before(run)
    if before is None:
        before = {**_evaluation(trainer.evaluate()), **(measure(trainer.model) if whole else {})}
        watch.journal.write({"step": 0, _BEFORE: before})
    trained = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    after = {**_last_evaluation(trainer), **(measure(trainer.model) if whole else {})}
    trainer.save_model(str(run.staging))
    if is_main_process():
        for name in _NOT_FOR_THE_RESULT:
            (run.staging / name).unlink(missing_ok=True)
        shutil.rmtree(run.path / _UNPACKED, ignore_errors=True)
    metrics = {
        "train_loss": trained.training_loss,
        "steps": trainer.state.global_step,
        "epochs": trainer.state.epoch,
        "resumed_from_step": int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else None,
    }
    outcome = {
        "metrics": metrics,
        "tokens_per_second": round(watch.speed.tokens_per_second, 1),
        "peak_memory_bytes": peak_with_gpu(),
        "processes": state.num_processes,
        "device": str(state.device),
    }
    return Progress(before, after, outcome)


def _before(run: RunFolder) -> Mapping[str, float] | None:
    return next((row[_BEFORE] for row in read_metrics(run.metrics) if _BEFORE in row), None)


def _last_evaluation(trainer: Trainer) -> Mapping[str, float]:
    """Of the weights as they are: that of the last step, where these are its weights, or one more."""
    state = trainer.state
    found = [row for row in state.log_history if "eval_loss" in row and row["step"] == state.global_step]
    if found and not trainer.args.load_best_model_at_end:
        return _evaluation(found[-1])
    return _evaluation(trainer.evaluate())


def _evaluation(row: Mapping[str, Any]) -> Mapping[str, float]:
    return {key: value for key, value in row.items() if key == "eval_loss" or key.startswith("eval_rewards/")}
