"""What SFT and DPO check alike before weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from training.chat_template import missing_tokens
from training.loading import layers_of
from training.model_source import find
from training.preflight.adapter import check_adapter
from training.preflight.equipment import check_equipment, this_equipment
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
from training.preflight.layers import check_layers
from training.preflight.lengths import check_lengths
from training.preflight.template import check_template
from training.schema.base import ModelSource
from training.schema.lora import Lora
from training.schema.optimisation import Optimisation


@dataclass(frozen=True, slots=True)
class Training:
    """What a trainer is told, in what its cost depends on.

    together: sequences of a row, side by side in a batch. passes: cost of a token in those of training it once.
    """

    model: ModelSource
    lora: Lora | None
    how: Optimisation
    output_dir: Path
    together: int = 1
    passes: float = 1.0


def check_learner(training: Training, config: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> list[Finding]:
    """Findings on adapter, layers, equipment and template. tokenizer: as it comes, before ChatML is laid over it."""
    findings = check_equipment(training.model, training.lora, training.how, this_equipment())
    if training.lora is not None:
        on_adapter = find(training.model).kind == "adapter"
        findings += check_adapter(training.lora, missing_tokens(tokenizer), on_adapter=on_adapter)
        findings += check_layers(training.lora, layers_of(config))
    return [*findings, *check_template(tokenizer, trains_all_weights=training.lora is None)]


def check_training(training: Training, config: Mapping[str, Any], lengths: Sequence[int]) -> list[Finding]:
    """Findings on lengths, memory, time and disk. lengths: tokens of each sequence, template included."""
    how, lora = training.how, training.lora
    findings = check_lengths(lengths, how.max_length, config.get("max_position_embeddings"))
    device = this_device()
    tokens_a_row = sum(min(length, how.max_length) for length in lengths) / len(lengths) * training.together
    a_step = how.batch_size * how.gradient_accumulation * device.count
    all_rows = len(lengths) / training.together * how.epochs
    tokens = (how.max_steps * a_step if how.max_steps else all_rows) * tokens_a_row
    seconds = training_seconds(config, lora, tokens * training.passes, device, checkpointing=how.gradient_checkpointing)
    wide = how.model_copy(update={"batch_size": how.batch_size * training.together})
    findings.append(check_memory(training_bytes(config, lora, training.model.dtype, wide), device))
    findings.append(check_time(seconds, tokens, device))
    return [*findings, check_disk(training.output_dir, _written(training, config))]


def _written(training: Training, config: Mapping[str, Any]) -> float:
    """Bytes: a checkpoint is weights and two moments each, of which one more is written before the oldest goes.

    Beside them the result, and for QLoRA on what is no folder yet one of its weights in 16 bits.
    """
    lora, total = training.lora, weights_of(config).total
    trained = lora_weights(config, lora.rank) if lora else total
    quantized = lora is not None and lora.quantize == "nf4"
    unpacked = 2 * total if quantized and find(training.model).kind not in {"hub", "folder"} else 0
    return trained * 12 * (training.how.keep_checkpoints + 1) + trained * 4 + unpacked
