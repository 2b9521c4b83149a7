"""How weights are changed, alike for SFT and DPO."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from training.schema.base import Section

# Of transformers' OptimizerNames those that torch, transformers and bitsandbytes have.
Optimizer = Literal[
    "adamw_torch_fused",
    "adamw_torch",
    "adafactor",
    "sgd",
    "adamw_bnb_8bit",
    "lion_8bit",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "paged_lion_8bit",
]
NEEDS_BITSANDBYTES = ("adamw_bnb_8bit", "lion_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "paged_lion_8bit")


class Optimisation(Section):
    """Names are plain; `training.arguments` translates them for trl."""

    epochs: float = Field(1.0, gt=0, description="Passes over the data.")
    max_steps: int | None = Field(None, gt=0, description="Ends after so many steps, whatever `epochs` says.")
    learning_rate: float = Field(2e-4, gt=0, description="Its highest value.")
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup"] = Field(
        "cosine", description="How the learning rate goes on after the warm-up."
    )
    warmup: float = Field(0.1, ge=0, description="Below 1 a share of all steps, else a number of steps.")
    batch_size: int = Field(8, gt=0, description="Rows a device and forward pass.")
    gradient_accumulation: int = Field(1, gt=0, description="Passes a step.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled, as AdamW has it.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    optimizer: Optimizer = Field(
        "adamw_torch_fused", description="As transformers names them; the 8-bit and paged ones need `bitsandbytes`."
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="`auto`: bf16 on CUDA and on a CPU that multiplies it, else fp32. Weights keep their dtype."
    )
    gradient_checkpointing: bool = Field(False, description="Recompute activations: less memory, a third more time.")
    max_length: int = Field(1024, ge=16, description="Tokens of a row; longer ones are cut.")
    log_steps: int = Field(10, gt=0, description="Steps between two lines of metrics.")
    eval_steps: int = Field(100, gt=0, description="Steps between two looks at the held-out loss.")
    save_steps: int = Field(100, gt=0, description="Steps between two checkpoints: what a kill costs at most.")
    keep_checkpoints: int = Field(2, ge=2, description="The newest so many; a kill may leave one of them half written.")
    patience: int = Field(0, ge=0, description="Looks without a better held-out loss until training ends. 0: never.")

    @model_validator(mode="after")
    def _the_best_is_saved(self) -> Self:
        if self.patience and self.save_steps % self.eval_steps:
            raise ValueError(
                f"`patience` keeps the best checkpoint: set save_steps ({self.save_steps}) to a multiple of eval_steps "
                f"({self.eval_steps})"
            )
        return self


class DpoOptimisation(Optimisation):
    """As for SFT, with DPO's own default rate: it stays whatever other key a recipe gives."""

    learning_rate: float = Field(5e-7, gt=0, description="Its highest value; about ten times as much with an adapter.")
