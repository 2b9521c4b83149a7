"""A recipe model a stage."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from training.schema.base import ModelSource, Recipe, Section
from training.schema.data import PreferenceData, SftData
from training.schema.lora import Lora
from training.schema.optimisation import Optimisation


class SftRecipe(Recipe):
    """Supervised fine-tuning by trl's SFTTrainer."""

    model: ModelSource
    data: SftData
    lora: Lora | None = Field(None, description="Left out: all weights are trained.")
    optimisation: Optimisation = Optimisation()
    assistant_only_loss: bool = Field(True, description="Loss on the assistant's tokens only.")
    packing: bool = Field(False, description="Several rows in a sequence; needs an attention that keeps them apart.")
    neftune_alpha: float = Field(0.0, ge=0, description="Noise on embeddings (2310.05914): style only. 0: none.")


class DpoRecipe(Recipe):
    """Direct preference optimisation (2305.18290) by trl's DPOTrainer."""

    model: ModelSource
    data: PreferenceData
    lora: Lora | None = Field(None, description="Left out: all weights are trained.")
    optimisation: Optimisation = Optimisation(learning_rate=5e-7)
    beta: float = Field(0.1, gt=0, description="How strongly the reference model holds.")
    loss: Literal["sigmoid", "ipo", "hinge", "robust"] = "sigmoid"


class MergeModel(Section):
    """A parent of a merge."""

    source: ModelSource
    weight: float | None = Field(None, ge=0, description="For ties, dare_ties and linear.")
    density: float | None = Field(None, gt=0, le=1, description="Share of the differences kept: ties, dare_ties.")


class Interpolation(Section):
    """SLERP's t for the tensors whose name contains `filter`; several values are spread over the layers."""

    filter: str | None = Field(None, description="Left out: the rest.")
    value: float | list[float]


class MergeRecipe(Recipe):
    """Weights of several models of one shape made into one, by mergekit.

    slerp takes two models; given more, they are merged in a chain, each with the result so far.
    """

    method: Literal["slerp", "linear", "ties", "dare_ties", "model_stock"]
    base: ModelSource = Field(description="The model whose tokenizer, and for ties whose weights, are the base.")
    models: list[MergeModel] = Field(min_length=1)
    t: list[Interpolation] = Field(default_factory=list, description="slerp: 0 is the base, 1 the other model.")
    equal_weights: bool = Field(False, description="slerp chain of N models: t = 1/2, 1/3, … so that each counts 1/N.")
    tokenizer: Literal["base", "union"] = Field("base", description="Whose vocabulary the result has.")
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> Self:
        if self.method == "slerp" and bool(self.t) == self.equal_weights:
            raise ValueError("slerp takes one of `t` and `equal_weights: true`")
        if self.method != "slerp" and (self.t or self.equal_weights):
            raise ValueError(f"{self.method} takes no `t` or `equal_weights`; they are slerp's")
        if self.method == "model_stock" and len(self.models) < 2:
            raise ValueError("model_stock takes two models or more beside its base")
        return self


class ExportRecipe(Recipe):
    """A checkpoint folder for vLLM, and GGUF files for the embedded engine."""

    model: ModelSource = Field(description="What to export; an adapter is merged into its base.")
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    gguf: list[Literal["f16", "q8_0"]] = Field(default_factory=list)


RECIPES: dict[str, type[Recipe]] = {
    "merge": MergeRecipe,
    "dpo": DpoRecipe,
    "sft": SftRecipe,
    "export": ExportRecipe,
}


def as_plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default written out, as JSON knows it."""
    return recipe.model_dump(mode="json")
