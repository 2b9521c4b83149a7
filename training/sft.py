"""Supervised fine-tuning: trl's SFTTrainer with peft, loss on what the assistant says."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

import datasets
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from training.arguments import trainer_arguments
from training.chat_template import END, use_chatml
from training.curves import draw_loss
from training.loading import load_config, load_tokenizer
from training.perplexity import chat_tokens, loss_on
from training.preflight.finding import Finding
from training.preflight.lengths import check_prompts
from training.preflight.trainer import Training, check_learner, check_training
from training.rows import Chat, sft_chats
from training.run_folder import RunFolder, is_main_process
from training.schema.stages import SftRecipe
from training.trainer_run import Watch, carry_on, load_learner

_FLASH = "flash_attention"


def preflight(recipe: SftRecipe) -> Iterator[Finding]:
    """Reads config, tokenizer and rows; loads no weights."""
    training = Training(recipe.model, recipe.lora, recipe.optimisation, recipe.output_dir)
    config = load_config(recipe.model)
    tokenizer = load_tokenizer(recipe.model)
    yield from check_learner(training, config, tokenizer)
    yield from _packing(recipe)
    train, held_out = sft_chats(recipe.data, recipe.seed)
    use_chatml(tokenizer)
    yield Finding("ok", "rows", f"{len(train)} to train on, {len(held_out)} held out")
    if recipe.assistant_only_loss:
        sides = {"rows": train, "held-out rows": held_out}
        prompts = [(name, prompt_lengths(tokenizer, chats)) for name, chats in sides.items()]
        yield from check_prompts(prompts, recipe.optimisation.max_length)
    yield from check_training(training, config, chat_lengths(tokenizer, train))


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


def prompt_lengths(tokenizer: PreTrainedTokenizerBase, chats: list[Chat]) -> list[int]:
    """Tokens of each chat before the assistant's first; of one in which it says nothing, more than any length."""
    asked = [[*takewhile(lambda message: message["role"] != "assistant", chat)] for chat in chats]
    texts = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in asked]
    lengths = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    return [
        length if len(before) < len(chat) else sys.maxsize
        for length, before, chat in zip(lengths, asked, chats, strict=True)
    ]


def main(recipe: SftRecipe, run: RunFolder) -> Mapping[str, Any]:
    """Adapter (or weights) and tokenizer in `run.staging`; goes on from the last checkpoint where there is one.

    Held-out losses are nats a token over all rows: of the assistant's tokens, and of all (`…_all_tokens`).
    """
    transformers.set_seed(recipe.seed)
    watch = Watch(run, "SFT", recipe.optimisation.patience)
    train, held_out = sft_chats(recipe.data, recipe.seed)
    trainer = sft_trainer(recipe, watch, train, held_out)
    rows = chat_tokens(trainer.processing_class, held_out, recipe.optimisation.max_length)

    def measure(model: PreTrainedModel) -> Mapping[str, float]:
        loss = loss_on(model, rows)
        return {"held_out_loss": loss.said, "held_out_loss_all_tokens": loss.all_tokens}

    done = carry_on(trainer, watch, measure)
    if is_main_process():
        draw_loss(run.metrics, run.staging / "loss.png", f"{recipe.model.name}: SFT")
    before, after = done.before, done.after
    losses = {
        "held_out_loss_before": before.get("held_out_loss", before["eval_loss"]),
        "held_out_loss": after.get("held_out_loss", after["eval_loss"]),
        "held_out_loss_all_tokens_before": before.get("held_out_loss_all_tokens"),
        "held_out_loss_all_tokens_after": after.get("held_out_loss_all_tokens"),
    }
    return {**done.outcome, "metrics": {**losses, **done.outcome["metrics"]}}


def sft_trainer(recipe: SftRecipe, watch: Watch, train: list[Chat], held_out: list[Chat]) -> SFTTrainer:
    """The trainer of trl with the recipe's model, rows and settings."""
    arguments = SFTConfig(
        **trainer_arguments(recipe.optimisation, watch.run.checkpoints, recipe.seed),
        assistant_only_loss=recipe.assistant_only_loss,
        packing=recipe.packing,
        neftune_noise_alpha=recipe.neftune_alpha or None,
        train_sampling_strategy="group_by_length" if recipe.group_by_length and not recipe.packing else "random",
        eos_token=END,
    )
    learner = load_learner(recipe.model, recipe.lora, watch.run)
    rows, watched = (datasets.Dataset.from_list([{"messages": chat} for chat in chats]) for chats in (train, held_out))
    return SFTTrainer(
        model=learner.model,
        args=arguments,
        train_dataset=rows,
        eval_dataset=watched,
        processing_class=learner.tokenizer,
        peft_config=learner.adapter,
        callbacks=watch.callbacks,
    )
