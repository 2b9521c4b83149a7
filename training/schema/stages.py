"""A recipe model a stage."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from training.schema.base import ModelSource, Recipe, Section
from training.schema.data import PreferenceData, Rows, SftData
from training.schema.generate import GenerateRecipe
from training.schema.held_out import HeldOut, PerplexityCheck
from training.schema.lora import Lora
from training.schema.optimisation import DpoOptimisation, Optimisation
from training.schema.prepare import PrepareRecipe


class SftRecipe(Recipe):
    """Supervised fine-tuning by trl's SFTTrainer."""

    model: ModelSource
    data: SftData
    lora: Lora | None = Field(None, description="Left out: all weights are trained.")
    optimisation: Optimisation = Optimisation()
    assistant_only_loss: bool = Field(True, description="Loss on the assistant's tokens only.")
    group_by_length: bool = Field(True, description="Rows of like length in a batch: less padding. Not when packing.")
    packing: bool = Field(False, description="Several rows in a sequence; needs an attention that keeps them apart.")
    neftune_alpha: float = Field(0.0, ge=0, description="Noise on embeddings (2310.05914): style only. 0: none.")


class DpoRecipe(Recipe):
    """Direct preference optimisation (2305.18290) by trl's DPOTrainer."""

    model: ModelSource
    data: PreferenceData
    lora: Lora | None = Field(None, description="Left out: all weights are trained.")
    optimisation: DpoOptimisation = DpoOptimisation()
    beta: float = Field(0.1, gt=0, description="How strongly the reference model holds.")
    loss: Literal["sigmoid", "ipo", "hinge", "robust"] = Field("sigmoid", description="A loss of trl's DPOTrainer.")
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="Share of pairs taken as flipped: for `robust`.")
    precompute_reference: bool = Field(True, description="The reference reads each pair once, before the first step.")
    held_out_chats: HeldOut | None = Field(None, description="What SFT was measured on: is it kept?")
    loss_tolerance: float = Field(0.05, ge=0, description="How much the loss on `held_out_chats` may grow (nats).")


_WEIGHED = ("linear", "ties", "dare_ties")


class MergeModel(Section):
    """A parent of a merge."""

    source: ModelSource
    weight: float | None = Field(None, ge=0, description="For ties, dare_ties and linear.")
    density: float | None = Field(None, gt=0, le=1, description="Share of the differences kept: ties, dare_ties.")


class Interpolation(Section):
    """SLERP's t for the tensors whose name contains `filter`; several values are spread over the layers."""

    filter: str | None = Field(None, description="Left out: the rest.")
    value: float | list[float] = Field(description="t, or its values from the first layer to the last: 0 to 1.")

    @field_validator("value")
    @classmethod
    def _between_the_models(cls, value: float | list[float]) -> float | list[float]:
        values = value if isinstance(value, list) else [value]
        if not values or not all(0 <= one <= 1 for one in values):
            raise ValueError(f"t is 0 (the base) to 1 (the other model), one number or a list of them, not {value}")
        return value


class MergeRecipe(Recipe):
    """Weights of several models of one shape made into one, by mergekit.

    slerp takes two models; given more, they are merged in a chain, each with the result so far.
    """

    method: Literal["slerp", "linear", "ties", "dare_ties", "model_stock"] = Field(
        description="As mergekit has them; ties: 2306.01708, dare_ties: 2311.03099, model_stock: 2403.19522."
    )
    base: ModelSource = Field(description="The model whose tokenizer, and for ties whose weights, are the base.")
    models: list[MergeModel] = Field(min_length=1)
    t: list[Interpolation] | Literal["best"] = Field(
        default_factory=list, description="slerp: 0 is the base, 1 the other model. `best`: the best of `sweep`."
    )
    equal_weights: bool = Field(False, description="slerp chain of N models: t = 1/2, 1/3, … so that each counts 1/N.")
    tokenizer: Literal["base", "union"] = Field("base", description="Whose vocabulary the result has.")
    chat_template: Literal["base", "chatml"] = Field("base", description="`chatml`: as `sft` trains with it.")
    dtype: Literal["bfloat16", "float16", "float32"] = Field("bfloat16", description="Type of the written weights.")
    perplexity: PerplexityCheck | None = Field(None, description="What parents and result are measured on.")
    sweep: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=list, description="slerp: values of t that are tried, each for all tensors, and measured."
    )

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> Self:
        if self.method == "slerp" and bool(self.t) == self.equal_weights:
            raise ValueError("slerp takes one of `t` and `equal_weights: true`")
        if self.method != "slerp" and (self.t or self.equal_weights):
            raise ValueError(f"{self.method} takes no `t` or `equal_weights`; they are slerp's")
        if self.method == "model_stock" and len(self.models) < 2:
            raise ValueError("model_stock takes two models or more beside its base")
        if self.sweep and (self.method != "slerp" or self.perplexity is None):
            raise ValueError("`sweep` is slerp's, and needs `perplexity` to measure by")
        if self.t == "best" and not self.sweep:
            raise ValueError("`t: best` needs `sweep`")
        return self

    @model_validator(mode="after")
    def _models_are_weighed(self) -> Self:
        missing = [model.source.name for model in self.models if model.weight is None]
        if self.method in _WEIGHED and missing:
            raise ValueError(f"{self.method} needs a `weight` for each of `models`: {missing[0]} has none")
        if self.method == "linear" and not sum(model.weight or 0 for model in self.models):
            raise ValueError("linear divides by the sum of its weights: one of them has to be above 0")
        return self

    @model_validator(mode="after")
    def _every_tensor_has_a_t(self) -> Self:
        rest = [at for at, one in enumerate(self.t) if isinstance(one, Interpolation) and one.filter is None]
        if self.t != "best" and self.t and rest != [len(self.t) - 1]:
            raise ValueError(
                "`t` ends with the one value that has no `filter`, as in `- {value: 0.5}`: it is the rest's"
            )
        return self


class Compression(Section):
    """Smaller folders for GPUs, by llm-compressor (`make install-compress`)."""

    formats: list[Literal["fp8", "awq"]] = Field(
        min_length=1, description="`fp8`: 8 bits, for Ada, Hopper and newer. `awq`: 4 bits of weights, 16 of the rest."
    )
    calibration: Rows | None = Field(None, description="What AWQ finds its scales on: rows like those trained on.")
    max_length: int = Field(1024, ge=16, description="Tokens of a calibration row; longer ones are cut.")
    python: str = Field(".venv-compress/bin/python", description="The interpreter that has llm-compressor.")

    @model_validator(mode="after")
    def _awq_is_calibrated(self) -> Self:
        if "awq" in self.formats and self.calibration is None:
            raise ValueError("awq needs `calibration`")
        return self


class ExportRecipe(Recipe):
    """A checkpoint folder for vLLM, and GGUF files for the embedded engine."""

    model: ModelSource = Field(description="What to export; an adapter is merged into its base.")
    dtype: Literal["bfloat16", "float16", "float32"] = Field("bfloat16", description="Type of the written weights.")
    gguf: list[Literal["f16", "q8_0"]] = Field(
        default_factory=list, description="GGUF files beside the folder: `f16`, `q8_0`."
    )
    compression: Compression | None = Field(None, description="FP8 and AWQ folders in it. Left out: none.")


RECIPES: dict[str, type[Recipe]] = {
    "generate": GenerateRecipe,
    "prepare": PrepareRecipe,
    "merge": MergeRecipe,
    "dpo": DpoRecipe,
    "sft": SftRecipe,
    "export": ExportRecipe,
}


def as_inputs(recipe: Recipe) -> dict[str, Any]:
    """`as_plain` without what changes nothing of the result: the NOT_INPUTS of the recipe and of its sections."""
    found: dict[str, Any] = _without_others(recipe, as_plain(recipe))
    return found


def _without_others(node: object, plain: Any) -> Any:  # noqa: ANN401  (whatever JSON knows)
    """plain: `node` as JSON knows it."""
    if isinstance(node, Section):
        kept = plain.keys() - node.NOT_INPUTS
        return {key: _without_others(getattr(node, key), value) for key, value in plain.items() if key in kept}
    if isinstance(node, list):
        return [_without_others(one, value) for one, value in zip(node, plain, strict=True)]
    return plain


def as_plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default written out, as JSON knows it."""
    return recipe.model_dump(mode="json")
