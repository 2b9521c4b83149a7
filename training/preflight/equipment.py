"""Whether this machine and environment have what a recipe asks for beyond torch on a processor."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from training.preflight.finding import Finding
from training.schema.base import ModelSource
from training.schema.lora import Lora
from training.schema.optimisation import NEEDS_BITSANDBYTES, Optimisation

_BITSANDBYTES = "bitsandbytes"
_KERNELS = "kernels"  # transformers takes flash attention from it where there is no package of its own
_FLASH = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}
_ELSEWHERE = "run the stage where there is one, or set it to {instead} here. The rest is checked for this machine"


@dataclass(frozen=True, slots=True)
class Equipment:
    """packages: those that are installed, of the ones that a recipe may need."""

    cuda: bool
    packages: frozenset[str]


def this_equipment() -> Equipment:
    import torch  # noqa: PLC0415  (seconds; the check itself needs none of it)

    known = (_BITSANDBYTES, _KERNELS, *_FLASH.values())
    return Equipment(torch.cuda.is_available(), frozenset(one for one in known if importlib.util.find_spec(one)))


def check_equipment(model: ModelSource, lora: Lora | None, how: Optimisation, has: Equipment) -> list[Finding]:
    """An error for each thing that is missing, so that a machine without a GPU still tells the rest."""
    missing = []
    if lora is not None and lora.quantize == "nf4":
        missing.append(_on_gpu("lora.quantize: nf4", "none", has) or _by_bitsandbytes("lora.quantize: nf4", has))
    if model.attention in _FLASH:
        missing.append(_flash(model.attention, has))
    if how.optimizer in NEEDS_BITSANDBYTES:
        setting = f"optimisation.optimizer: {how.optimizer}"
        missing.append(_on_gpu(setting, "adamw_torch_fused", has) or _by_bitsandbytes(setting, has))
    return [Finding("error", "equipment", text) for text in missing if text]


def _on_gpu(setting: str, instead: str, has: Equipment) -> str | None:
    if has.cuda:
        return None
    return f"{setting} needs a CUDA device, and there is none: {_ELSEWHERE.format(instead=instead)}"


def _by_bitsandbytes(setting: str, has: Equipment) -> str | None:
    if _BITSANDBYTES in has.packages:
        return None
    return f"{setting} needs bitsandbytes, which is not installed: run pip install --editable '.[training-gpu]'"


def _flash(attention: str, has: Equipment) -> str | None:
    setting = f"model.attention: {attention}"
    if not has.cuda:
        return _on_gpu(setting, "sdpa", has)
    if has.packages & {_FLASH[attention], _KERNELS}:
        return None
    package = _FLASH[attention]
    return f"{setting} needs {package}, which is not installed: install it, or `pip install {_KERNELS}`, or set sdpa"
