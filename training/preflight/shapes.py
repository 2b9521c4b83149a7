"""Whether models can be merged: every tensor of one has to have its like in the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.preflight.finding import Finding

Config = Mapping[str, Any]

# What decides the shape of a tensor in the families that mergekit merges (Llama, Mistral, Qwen and their like).
_SHAPE = (
    "model_type",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "tie_word_embeddings",
)

# Shapes published with the models of the study, for a dry run without a network.
_LLAMA_7B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "tie_word_embeddings": False,
}
_MISTRAL_7B = {
    **_LLAMA_7B,
    "model_type": "mistral",
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
}
PUBLISHED: dict[str, Config] = {
    "mistralai/Mistral-7B-v0.1": {**_MISTRAL_7B, "vocab_size": 32000},
    "WizardLMTeam/WizardMath-7B-V1.1": _MISTRAL_7B,
    "WizardLMTeam/WizardCoder-Python-7B-V1.0": {**_LLAMA_7B, "vocab_size": 32001},
    "jan-hq/trinity-v1": _MISTRAL_7B,
}


def compare_shapes(base: tuple[str, Config], other: tuple[str, Config]) -> list[Finding]:
    """Findings on merging `other` into `base`, each a name and its config."""
    (base_name, ours), (name, theirs) = base, other
    different = [key for key in _SHAPE if _value(ours, key) != _value(theirs, key)]
    if different:
        listed = ", ".join(f"{key} {_value(theirs, key)} instead of {_value(ours, key)}" for key in different)
        return [Finding("error", "shapes", f"{name} cannot be merged with {base_name}: {listed}{_hint(name)}")]
    our_tokens, their_tokens = ours.get("vocab_size"), theirs.get("vocab_size")
    if our_tokens and their_tokens and our_tokens != their_tokens:
        text = f"{name} has {their_tokens} tokens, {base_name} {our_tokens}: `tokenizer` decides whose remain"
        return [Finding("warning", "vocabulary", text)]
    return [Finding("ok", "shapes", f"{name} has the shapes of {base_name}")]


def _value(config: Config, key: str) -> Any:  # noqa: ANN401
    """A config's value, with the defaults that configs leave out."""
    heads = config.get("num_attention_heads")
    if key == "num_key_value_heads":
        return config.get(key) or heads
    if key == "head_dim":
        return config.get(key) or (config["hidden_size"] // heads if heads else None)
    return config.get(key)


def _hint(name: str) -> str:
    """The trap of the study, by name: of two models called WizardCoder, the Python one is no Mistral."""
    if "wizardcoder-python" in name.lower():
        return " (WizardCoder-Python is a CodeLlama, not a Mistral: take a coder that was tuned from Mistral)"
    return ""
