"""Direct preference optimisation: trl's DPOTrainer, with the model as it came as its own reference.

With an adapter the reference is the model without it. Without one the reference's log-probabilities are computed
before the first step, and where that is switched off, a second copy of the model is held.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import datasets
import transformers
from accelerate import PartialState
from accelerate.utils import DistributedType
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import DPOConfig, DPOTrainer

from training.arguments import trainer_arguments
from training.chat_template import use_chatml
from training.curves import draw_preference
from training.loading import fit_vocabulary, load_config, load_model, load_tokenizer
from training.perplexity import held_out_texts, held_out_tokens, loss_on
from training.preferences import preference_rows
from training.preflight.finding import Finding
from training.preflight.lengths import check_prompts
from training.preflight.trainer import Training, check_learner, check_training
from training.run_folder import RunFolder, is_main_process
from training.schema.stages import DpoRecipe
from training.trainer_run import Learner, Progress, Watch, carry_on, load_learner

_PAIRS = "pairs"  # in the run's folder, until it is finished
_REFERENCE_PASS = 4 / 3  # a forward pass of the reference beside one forward and backward, which is three
_WATCHED = {  # trl's names of what is measured on the held-out pairs
    "eval_loss": "held_out_loss",
    "eval_rewards/margins": "held_out_reward_margin",
    "eval_rewards/accuracies": "held_out_reward_accuracy",
}


def preflight(recipe: DpoRecipe) -> Iterator[Finding]:
    """Reads config, tokenizer and rows; loads no weights."""
    training = Training(
        recipe.model, recipe.lora, recipe.optimisation, recipe.output_dir, together=2, passes=_REFERENCE_PASS
    )
    config = load_config(recipe.model)
    tokenizer = load_tokenizer(recipe.model)
    yield from check_learner(training, config, tokenizer)
    train, held_out = preference_rows(recipe.data)
    use_chatml(tokenizer)
    yield Finding("ok", "rows", f"{len(train)} pairs to train on, {len(held_out)} held out")
    sides = {"pairs": train, "held-out pairs": held_out}  # trl drops those that fill max_length
    prompts = [(name, _lengths(tokenizer, [pair["prompt"] for pair in pairs])) for name, pairs in sides.items()]
    yield from check_prompts(prompts, recipe.optimisation.max_length)
    answers = [pair["prompt"] + answer for pair in train for answer in (pair["chosen"], pair["rejected"])]
    yield from check_training(training, config, _lengths(tokenizer, answers))
    yield _guard(recipe)


def _guard(recipe: DpoRecipe) -> Finding:
    if recipe.held_out_chats is None:
        text = "held_out_chats is not given: nobody will see whether the model forgets what SFT taught it"
        return Finding("warning", "held-out chats", text)
    chats = held_out_texts(recipe.held_out_chats)
    return Finding("ok", "held-out chats", f"{len(chats)} on which the loss may grow by {recipe.loss_tolerance:g}")


def _lengths(tokenizer: PreTrainedTokenizerBase, chats: Sequence[Any]) -> list[int]:
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def main(recipe: DpoRecipe, run: RunFolder) -> Mapping[str, Any]:
    """Adapter (or weights) and tokenizer in `run.staging`; goes on from the last checkpoint where there is one.

    Margins are of rewards, beta times the log-ratio to the reference. Before training, policy and reference are one:
    the margin is 0, and the accuracy is what rounding makes of ties.
    """
    transformers.set_seed(recipe.seed)
    watch = Watch(run, "DPO", recipe.optimisation.patience)
    trainer = dpo_trainer(recipe, watch)
    chats = held_out_tokens(recipe.held_out_chats, trainer.processing_class) if recipe.held_out_chats else []

    def measure(model: PreTrainedModel) -> Mapping[str, float]:
        return {"sft_loss": loss_on(model, chats, "held-out chats").said} if chats else {}

    done = carry_on(trainer, watch, measure)
    if is_main_process():
        draw_preference(run.metrics, run.staging / "loss.png", f"{recipe.model.name}: DPO, beta {recipe.beta:g}")
        shutil.rmtree(run.path / _PAIRS)
    watched = {
        f"{ours}{when}": row[theirs]
        for theirs, ours in _WATCHED.items()
        for when, row in (("_before", done.before), ("", done.after))
    }
    sft = {
        f"held_out_sft_loss{when}": row.get("sft_loss") for when, row in (("_before", done.before), ("", done.after))
    }
    return {
        **done.outcome,
        "metrics": {**watched, **sft, **done.outcome["metrics"]},
        "findings": [finding.as_dict() for finding in _forgotten(recipe, done)],
    }


def _forgotten(recipe: DpoRecipe, done: Progress) -> list[Finding]:
    """Whether the loss on what SFT was measured on has grown."""
    if "sft_loss" not in done.before or "sft_loss" not in done.after:
        return []
    before, after = done.before["sft_loss"], done.after["sft_loss"]
    text = f"{before:.4f} before, {after:.4f} after ({after - before:+.4f}; allowed {recipe.loss_tolerance:+g})"
    if after - before > recipe.loss_tolerance:
        return [Finding("warning", "held-out SFT loss", f"{text}: take a larger beta, a lower rate or fewer steps")]
    return [Finding("ok", "held-out SFT loss", text)]


def dpo_trainer(recipe: DpoRecipe, watch: Watch) -> DPOTrainer:
    """The trainer of trl with the recipe's model, pairs and settings."""
    arguments = DPOConfig(
        **trainer_arguments(recipe.optimisation, watch.run.checkpoints, recipe.seed),
        beta=recipe.beta,
        loss_type=[recipe.loss],
        label_smoothing=recipe.label_smoothing,
        precompute_ref_log_probs=recipe.precompute_reference,
    )
    learner = load_learner(recipe.model, recipe.lora, watch.run)
    train, held_out = _datasets(recipe, watch.run)  # after the arguments: they say how many processes there are
    return DPOTrainer(
        model=learner.model,
        ref_model=_second_copy(recipe, learner),
        args=arguments,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=learner.tokenizer,
        peft_config=learner.adapter,
        callbacks=watch.callbacks,
    )


def _second_copy(recipe: DpoRecipe, learner: Learner) -> PreTrainedModel | None:
    """The reference where trl needs one: it would load it by the name in the config, which is that of the base."""
    sharded = PartialState().distributed_type == DistributedType.FSDP
    if recipe.lora is not None or (recipe.precompute_reference and not sharded):
        return None
    copy = load_model(recipe.model)
    fit_vocabulary(copy, learner.tokenizer)
    return copy


def _datasets(recipe: DpoRecipe, run: RunFolder) -> list[datasets.Dataset]:
    """Train and held-out pairs, from files in the run's folder.

    The reference's log-probabilities are stored beside them, where other processes and a resumed run find them.
    """
    state, folder, names = PartialState(), run.path / _PAIRS, ("train", "held_out")
    if state.is_main_process and not folder.exists():
        aside = folder.with_name(f".{_PAIRS}")  # whole or not at all
        shutil.rmtree(aside, ignore_errors=True)
        for name, pairs in zip(names, preference_rows(recipe.data), strict=True):
            datasets.Dataset.from_list(pairs).save_to_disk(aside / name)
        aside.replace(folder)
    state.wait_for_everyone()
    return [datasets.load_from_disk(folder / name) for name in names]
