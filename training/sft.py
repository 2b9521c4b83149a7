"""Supervised fine-tuning: trl's SFTTrainer with peft, loss on what the assistant says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import datasets
import transformers
from accelerate import PartialState
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from training.arguments import lora_config, trainer_arguments
from training.chat_template import CHATML, use_chatml
from training.checkpoints import Sealing, drop_unsealed, last_sealed
from training.curves import draw_loss, read_metrics
from training.loading import fit_vocabulary, load_config, load_model, load_tokenizer
from training.preflight.adapter import check_adapter
from training.preflight.estimate import (
    check_disk,
    check_memory,
    check_time,
    lora_weights,
    this_device,
    training_bytes,
    training_seconds,
    weights_of,
)
from training.preflight.finding import Finding
from training.preflight.lengths import check_lengths
from training.preflight.template import check_template
from training.rows import Chat, sft_chats
from training.run_folder import RunFolder, is_main_process
from training.schema.stages import SftRecipe
from training.watching import Bar, Journal, Speed, peak_memory_bytes

_FLASH = "flash_attention"


def preflight(recipe: SftRecipe) -> list[Finding]:
    """Reads config, tokenizer and rows; loads no weights."""
    how = recipe.optimisation
    findings = [*(check_adapter(recipe.lora) if recipe.lora else []), *_packing(recipe)]
    config = load_config(recipe.model)
    tokenizer = load_tokenizer(recipe.model)
    findings += check_template(tokenizer, trains_all_weights=recipe.lora is None)
    train, held_out = sft_chats(recipe.data, recipe.seed)
    use_chatml(tokenizer)
    lengths = chat_lengths(tokenizer, train)
    findings += check_lengths(lengths, how.max_length, config.get("max_position_embeddings"))
    findings.append(Finding("ok", "rows", f"{len(train)} to train on, {len(held_out)} held out"))
    device = this_device()
    mean = sum(min(length, how.max_length) for length in lengths) / len(lengths)
    a_step = how.batch_size * how.gradient_accumulation * device.count
    rows = how.max_steps * a_step if how.max_steps else len(train) * how.epochs
    seconds = training_seconds(config, recipe.lora, rows * mean, device, checkpointing=how.gradient_checkpointing)
    findings.append(check_memory(training_bytes(config, recipe.lora, recipe.model.dtype, how), device))
    findings.append(check_time(seconds, rows * mean, device))
    trained = lora_weights(config, recipe.lora.rank) if recipe.lora else weights_of(config).total
    # A checkpoint: weights, and two moments each; one more is written before the oldest goes, and the result.
    return [*findings, check_disk(recipe.output_dir, trained * 12 * (how.keep_checkpoints + 1) + trained * 4)]


def _packing(recipe: SftRecipe) -> list[Finding]:
    attention = recipe.model.attention
    if not recipe.packing:
        return []
    if attention.startswith(_FLASH):
        return [Finding("ok", "packing", f"{attention} keeps packed rows apart")]
    text = (
        f"with {attention} packed rows would read each other: set model.attention to flash_attention_2, or packing off"
    )
    return [Finding("error", "packing", text)]


def chat_lengths(tokenizer: PreTrainedTokenizerBase, chats: list[Chat]) -> list[int]:
    """Tokens of each chat, template included."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def main(recipe: SftRecipe, run: RunFolder) -> Mapping[str, Any]:
    """Adapter (or weights) and tokenizer in `run.staging`; goes on from the last checkpoint where there is one."""
    state = PartialState()
    transformers.set_seed(recipe.seed)
    speed = Speed()
    journal = Journal(run.metrics, run.path / "tensorboard", speed)
    trainer = _trainer(recipe, run, speed, journal)
    if state.is_main_process:
        drop_unsealed(run.checkpoints)
    state.wait_for_everyone()
    checkpoint = last_sealed(run.checkpoints)
    before = _loss_before(run)
    if before is None:
        before = trainer.evaluate()["eval_loss"]
    trained = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    after = _last_loss(trainer) or trainer.evaluate()["eval_loss"]
    trainer.save_model(str(run.staging))
    if is_main_process():
        for name in ("training_args.bin", "README.md"):  # a pickle of trl's arguments, and a card of nothing but links
            (run.staging / name).unlink(missing_ok=True)
        draw_loss(run.metrics, run.staging / "loss.png", f"{recipe.model.name}: SFT")
    return {
        "metrics": {
            "held_out_loss_before": before,
            "held_out_loss": after,
            "train_loss": trained.training_loss,
            "steps": trainer.state.global_step,
            "epochs": trainer.state.epoch,
            "resumed_from_step": int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else None,
        },
        "tokens_per_second": round(speed.tokens_per_second, 1),
        "peak_memory_bytes": peak_memory_bytes(),
        "processes": state.num_processes,
        "device": str(state.device),
    }


def _trainer(recipe: SftRecipe, run: RunFolder, speed: Speed, journal: Journal) -> SFTTrainer:
    tokenizer = load_tokenizer(recipe.model)
    new_tokens = use_chatml(tokenizer)
    quantized = recipe.lora is not None and recipe.lora.quantize == "nf4"
    model = load_model(recipe.model, nf4=quantized)
    fit_vocabulary(model, tokenizer)
    train, held_out = (datasets.Dataset.from_list([{"messages": chat} for chat in chats]) for chats in _chats(recipe))
    how = recipe.optimisation
    arguments = SFTConfig(
        **trainer_arguments(how, run.checkpoints, recipe.seed),
        assistant_only_loss=recipe.assistant_only_loss,
        packing=recipe.packing,
        neftune_noise_alpha=recipe.neftune_alpha or None,
        eos_token=tokenizer.eos_token,
    )
    callbacks = [speed, journal, Sealing(), Bar("SFT")]
    if how.patience:
        callbacks.append(EarlyStoppingCallback(how.patience))
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        peft_config=lora_config(recipe.lora, model, new_tokens) if recipe.lora else None,
        callbacks=callbacks,
    )
    trainer.remove_callback(transformers.PrinterCallback)  # stdout is for the result
    assert tokenizer.chat_template == CHATML  # noqa: S101  (what is saved is what was trained on)
    return trainer


def _chats(recipe: SftRecipe) -> tuple[list[Chat], list[Chat]]:
    return sft_chats(recipe.data, recipe.seed)


def _last_loss(trainer: SFTTrainer) -> float | None:
    """The held-out loss of the weights as they are, where the last step has measured it."""
    state = trainer.state
    if trainer.args.load_best_model_at_end:
        return state.best_metric
    found = [row for row in state.log_history if "eval_loss" in row and row["step"] == state.global_step]
    return found[-1]["eval_loss"] if found else None


def _loss_before(run: RunFolder) -> float | None:
    """From the metrics of a run that was cut off."""
    return next(
        (row["eval_loss"] for row in read_metrics(run.metrics) if row["step"] == 0 and "eval_loss" in row), None
    )
