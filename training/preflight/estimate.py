"""Memory, time and disk that a stage takes, from the model's config alone: right to about a third."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import SourceError
from training.preflight.finding import Finding
from training.schema.lora import Lora
from training.schema.optimisation import Optimisation

_GB = 1e9
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_NF4_BYTES = 0.55  # 4 bits and the double-quantised constants (2305.14314)
_OPTIMISER_BYTES = 12  # gradient, and AdamW's two moments, in float32
# Dense float operations a second that training reaches: of GPUs about 40 % of the peak (bf16).
_DEVICES = {"4090": 66e12, "A100": 125e12, "H100": 400e12, "L40": 70e12, "A10": 50e12}
_OTHER_GPU = 40e12
# Seen: SmolLM2-135M with LoRA of rank 256 (1.0e9 operations a token) in float32 on two cores with AVX-512, 84 to 116
# tokens a second, prompts counted: 4.2e10 to 5.8e10 a core.
CPU_CORE = 5e10
_NEEDED = ("hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads")
_KEPT = 14.7 / 8.3  # most and usual GB of such a training with 8 rows of 512, see allocator.py


@dataclass(frozen=True, slots=True)
class Device:
    """bytes: memory that is free. flops: float operations a second in training, all devices together.

    keeps: what a step freed is kept for the next (training/allocator.py).
    """

    name: str
    count: int
    bytes: int
    flops: float
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """How many a model has, and what a row costs."""

    total: int
    embedding: int
    hidden: int
    intermediate: int
    layers: int
    vocabulary: int


def this_device() -> Device:
    """All GPUs where there are some, else the processor."""
    import torch  # noqa: PLC0415  (seconds; a chain's checks that need no device come first)

    if torch.cuda.is_available():
        name, count = torch.cuda.get_device_name(0), torch.cuda.device_count()
        speed = next((flops for known, flops in _DEVICES.items() if known in name), _OTHER_GPU)
        return Device(name, count, torch.cuda.mem_get_info(0)[0], speed * count)
    return this_processor()


def this_processor() -> Device:
    """Memory is what can be had: the system's cache of files gives way."""
    from training.allocator import available_bytes, keeps_freed_memory  # noqa: PLC0415  (psutil comes with torch's environment)

    cores = len(os.sched_getaffinity(0))
    return Device(f"CPU, {cores} cores", 1, available_bytes(), CPU_CORE * cores, keeps_freed_memory())


def weights_of(config: Mapping[str, Any]) -> Weights:
    """Counted as Llama, Mistral and Qwen have them. Raises SourceError for a config of another make."""
    lacking = [key for key in _NEEDED if key not in config]
    if lacking:
        text = "only models made as Llama, Mistral and Qwen are can be taken"
        raise SourceError(f"the model's config.json has no {lacking[0]}: {text}")
    hidden, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
    intermediate, vocabulary = int(config["intermediate_size"]), int(config.get("vocab_size", 32_000))
    heads = int(config["num_attention_heads"])
    head = int(config.get("head_dim") or hidden // heads)
    keys = int(config.get("num_key_value_heads") or heads) * head
    attention = 2 * hidden * heads * head + 2 * hidden * keys
    embedding = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    total = layers * (attention + 3 * hidden * intermediate + 2 * hidden) + hidden + embedding
    return Weights(total, embedding, hidden, intermediate, layers, vocabulary)


def lora_weights(config: Mapping[str, Any], rank: int) -> int:
    """Weights of an adapter on all linear layers."""
    hidden, intermediate = int(config["hidden_size"]), int(config["intermediate_size"])
    heads = int(config["num_attention_heads"])
    head = int(config.get("head_dim") or hidden // heads)
    keys = int(config.get("num_key_value_heads") or heads) * head
    a_layer = 2 * (hidden + heads * head) + 2 * (hidden + keys) + 3 * (hidden + intermediate)
    return rank * a_layer * int(config["num_hidden_layers"])


def training_bytes(config: Mapping[str, Any], lora: Lora | None, dtype: str, how: Optimisation) -> float:
    """Memory of one device without sharding: weights, gradients, AdamW's moments, activations, logits.

    Activations of a layer: 34 bytes a token and hidden unit in 16 bits (2205.05198, with fused attention); with
    gradient checkpointing 2, and one layer whole. Logits are held in float32, with their gradient.
    """
    weights = weights_of(config)
    trained = lora_weights(config, lora.rank) if lora else weights.total
    quantized = lora is not None and lora.quantize == "nf4"
    frozen = weights.total * (_NF4_BYTES if quantized else _BYTES[dtype]) if lora else 0
    changed = trained * (_BYTES[dtype] + _OPTIMISER_BYTES)
    tokens = how.batch_size * how.max_length
    wide = _BYTES[dtype] / 2
    layers = weights.layers * 2 + 34 if how.gradient_checkpointing else weights.layers * 34
    activations = tokens * weights.hidden * layers * wide
    return frozen + changed + activations + tokens * weights.vocabulary * 8


def training_seconds(
    config: Mapping[str, Any], lora: Lora | None, tokens: float, device: Device, *, checkpointing: bool
) -> float:
    """6 float operations a weight and token (2001.08361), 4 of a frozen one, 2 more to compute activations again."""
    weights = weights_of(config)
    # An input embedding of its own is looked up, not multiplied.
    used = weights.total if config.get("tie_word_embeddings") else weights.total - weights.embedding // 2
    again = 2 if checkpointing else 0
    if lora is None:
        return (6 + again) * used * tokens / device.flops
    operations = (4 + again) * used + (6 + again) * lora_weights(config, lora.rank)
    return operations * tokens / device.flops


def check_memory(needed: float, device: Device) -> Finding:
    text = f"about {needed / _GB:.1f} GB of {device.bytes / _GB:.1f} GB free on {device.count} x {device.name}"
    if needed <= device.bytes * 0.9:
        most = f"; up to {needed * _KEPT / _GB:.1f} GB, for what a step frees is kept while 16 GiB are free"
        return Finding("ok", "memory", text + (most if device.keeps else ""))
    advice = "less batch_size, gradient_checkpointing: true, lora.quantize: nf4 or FSDP (training/accelerate)"
    return Finding("warning", "memory", f"{text}: {advice}")


def check_holding(needed: float, what: str) -> Finding:
    """needed: bytes of the machine's memory, not a GPU's. what: that takes them."""
    free = this_processor().bytes
    text = f"about {needed / _GB:.1f} GB of {free / _GB:.1f} GB free, for {what}"
    if needed <= free * 0.9:
        return Finding("ok", "memory", text)
    return Finding("warning", "memory", f"{text}: end other programs, or take a machine with more")


def check_time(seconds: float, tokens: float, device: Device) -> Finding:
    hours = f"{seconds / 3600:.1f} hours" if seconds > 5400 else f"{seconds / 60:.1f} minutes"
    return Finding("note", "time", f"about {hours} for {tokens:,.0f} tokens on {device.count} x {device.name}")


def check_disk(folder: Path, needed: float) -> Finding:
    """needed: bytes that the stage writes."""
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"about {needed / _GB:.1f} GB of {free / _GB:.1f} GB free at {place}"
    if needed > free:
        return Finding("error", "disk", f"{text}: name another output_dir or keep fewer checkpoints")
    return Finding("ok", "disk", text)
