"""Memory, time and disk that a stage takes, from the model's config alone: right to about a third."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.preflight.finding import Finding
from training.schema.lora import Lora
from training.schema.optimisation import Optimisation

_GB = 1e9
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_NF4_BYTES = 0.55  # 4 bits and the double-quantised constants (2305.14314)
_OPTIMISER_BYTES = 12  # gradient, and AdamW's two moments, in float32
# Dense float operations a second that training reaches, about 40 % of the peak (bf16), or seen (a CPU core, float32).
_DEVICES = {"4090": 66e12, "A100": 125e12, "H100": 400e12, "L40": 70e12, "A10": 50e12}
_OTHER_GPU = 40e12
_CPU_CORE = 2e10


@dataclass(frozen=True, slots=True)
class Device:
    """bytes: memory that is free. flops: float operations a second in training, all devices together."""

    name: str
    count: int
    bytes: int
    flops: float


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
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0))
    return Device(f"CPU, {cores} cores", 1, free, _CPU_CORE * cores)


def weights_of(config: Mapping[str, Any]) -> Weights:
    """Counted as Llama, Mistral and Qwen have them."""
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
    """6 float operations a weight and token (2001.08361), 8 where activations are computed again."""
    weights = weights_of(config)
    # An input embedding of its own is looked up, not multiplied.
    used = weights.total if config.get("tie_word_embeddings") else weights.total - weights.embedding // 2
    used += lora_weights(config, lora.rank) if lora else 0
    return (8 if checkpointing else 6) * used * tokens / device.flops


def check_memory(needed: float, device: Device) -> Finding:
    text = f"about {needed / _GB:.1f} GB of {device.bytes / _GB:.1f} GB free on {device.count} x {device.name}"
    if needed <= device.bytes * 0.9:
        return Finding("ok", "memory", text)
    advice = "less batch_size, gradient_checkpointing: true, lora.quantize: nf4 or FSDP (training/accelerate)"
    return Finding("warning", "memory", f"{text}: {advice}")


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
