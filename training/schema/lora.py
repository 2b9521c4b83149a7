"""How an adapter is shaped."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from training.schema.base import Section


class Lora(Section):
    """LoRA (2106.09685) in peft's terms."""

    rank: int = Field(16, gt=0, description="Rank r of the two matrices.")
    alpha: float = Field(32.0, gt=0, description="The update is scaled by alpha / r; with `rslora` by alpha / sqrt(r).")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the first matrix.")
    target: str | list[str] = Field("all-linear", description="`all-linear`, or the names of the adapted layers.")
    rslora: bool = Field(False, description="Rank-stabilised scale (2312.03732).")
    dora: bool = Field(False, description="Weight-decomposed adapter (2402.09353). Merge it before serving.")
    init: Literal["default", "gaussian", "pissa", "olora"] = Field("default", description="How A and B begin.")
    modules_to_save: list[str] = Field(default_factory=list, description="Layers trained whole beside the adapter.")
    quantize: Literal["none", "nf4"] = Field("none", description="`nf4`: QLoRA, the base in 4 bits (needs CUDA).")

    @property
    def scale(self) -> float:
        """The factor on B·A."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)
