"""Whether the layers that a recipe names for its adapter are those of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.preflight.finding import Finding
from training.schema.lora import Lora

ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Layers:
    """Dotted names of a model's layers. adaptable: those that LoRA adapts, among all."""

    everything: Sequence[str]
    adaptable: Sequence[str]


def check_layers(lora: Lora, layers: Layers) -> list[Finding]:
    """Peft breaks on a name that fits no layer, or passes over it where another one does."""
    found = [*_targets(lora.target, layers.adaptable), *_saved(lora.modules_to_save, layers.everything)]
    return found or [Finding("ok", "lora layers", "every layer that the recipe names is in the model")]


def _targets(target: str | list[str], adaptable: Sequence[str]) -> list[Finding]:
    if target == ALL_LINEAR:
        return []
    if isinstance(target, list):
        unknown = _unknown(target, adaptable)
        return [_finding("lora.target", one, adaptable) for one in unknown or ([] if target else ["(none)"])]
    try:  # as peft has it, a text is a regular expression of whole names
        fits = any(re.fullmatch(target, name) for name in adaptable)
    except re.error as error:
        return [Finding("error", "lora layers", f"lora.target {target} is no regular expression: {error}")]
    return [] if fits else [_finding("lora.target", f"that fits {target}", adaptable)]


def _saved(names: Sequence[str], everything: Sequence[str]) -> list[Finding]:
    return [_finding("lora.modules_to_save", one, everything) for one in _unknown(names, everything)]


def _unknown(names: Iterable[str], layers: Sequence[str]) -> list[str]:
    return [one for one in names if not any(name == one or name.endswith(f".{one}") for name in layers)]


def _finding(key: str, named: str, layers: Sequence[str]) -> Finding:
    known = sorted({name.rpartition(".")[2] for name in layers} - {""})
    known = [name for name in known if not name.isdecimal()]
    return Finding("error", "lora layers", f"{key}: the model has no layer {named}; it has {', '.join(known)}")
