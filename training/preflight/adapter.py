"""The scale of a LoRA update, and whether vLLM takes the adapter as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from training.preflight.finding import Finding
from training.schema.lora import Lora

SERVING = "serving"
_LARGEST_SCALE = 4.0  # alpha / r is 0.25 to 2 in published recipes
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM takes as --max-lora-rank
_DEFAULT_RANK = 16  # what it takes where nothing is said


def check_adapter(lora: Lora, new_tokens: Sequence[str] = (), *, on_adapter: bool = False) -> list[Finding]:
    """new_tokens: those whose rows are trained beside it. on_adapter: it begins on a base with another one merged in.

    vLLM loads neither: it takes the matrices of the published base's layers, and nothing else.
    """
    return [_scale(lora), _servable(lora, new_tokens, on_adapter=on_adapter)]


def _scale(lora: Lora) -> Finding:
    how = f"alpha {lora.alpha:g} / sqrt(r {lora.rank})" if lora.rslora else f"alpha {lora.alpha:g} / r {lora.rank}"
    if lora.scale <= _LARGEST_SCALE:
        return Finding("ok", "lora scale", f"the update is scaled by {lora.scale:g} ({how})")
    low, high = (math.sqrt(lora.rank) * factor for factor in (1, 2))
    advice = (
        f"with rslora take alpha {low:g} to {high:g}" if lora.rslora else f"take alpha {lora.rank} to {2 * lora.rank}"
    )
    return Finding("error" if lora.rslora else "warning", "lora scale", f"scale {lora.scale:g} ({how}): {advice}")


def _servable(lora: Lora, new_tokens: Sequence[str], *, on_adapter: bool) -> Finding:
    reasons = [
        text
        for found, text in (
            (lora.dora, "it is DoRA"),
            (lora.init == "pissa", "PiSSA changes the base"),
            (lora.init == "olora", "OLoRA changes the base"),
            (bool(lora.modules_to_save), f"it saves whole layers ({', '.join(lora.modules_to_save)})"),
            (lora.rank > _RANKS[-1], f"its rank is over {_RANKS[-1]}"),
            (bool(new_tokens), f"it holds rows of new tokens ({', '.join(new_tokens)})"),
            (on_adapter, "its base is one into which another adapter was merged"),
        )
        if found
    ]
    if reasons:
        text = f"vLLM does not load this adapter by itself: {', '.join(reasons)}. `export` merges it into the base"
        return Finding("warning", SERVING, text)
    if lora.rank > _DEFAULT_RANK:
        allowed = next(rank for rank in _RANKS if rank >= lora.rank)
        return Finding("note", SERVING, f"vLLM loads this adapter with --enable-lora --max-lora-rank {allowed}")
    return Finding("ok", SERVING, "vLLM loads this adapter with --enable-lora")
