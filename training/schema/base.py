"""What the recipes of all stages share."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TINY_RANDOM = "tiny-random"
PACKAGED = "packaged"


class Section(BaseModel):
    """A part of a recipe: immutable, and closed to unknown keys.

    trl's own command line drops the keys it does not know, so a typo there trains with a default.
    NOT_INPUTS: keys that change nothing of the result, so that a run which was cut off goes on with others.
    """

    NOT_INPUTS: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, protected_namespaces=())


class ModelSource(Section):
    """Where weights come from."""

    name: str = Field(
        min_length=1,
        description="A Hugging Face name, a folder, a GGUF file, `packaged` (the embedded engine's) or `tiny-random`.",
    )
    revision: str | None = Field(None, description="Commit, branch or tag of a Hugging Face name.")
    text: Path | None = Field(None, description="The text that the tokenizer of `tiny-random` is trained on.")
    dtype: Literal["bfloat16", "float16", "float32"] = Field("bfloat16", description="Type the weights are held in.")
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] = Field(
        "sdpa", description="How attention is computed. Packing needs one of the flash kinds."
    )

    @model_validator(mode="after")
    def _text_belongs_to_tiny_random(self) -> Self:
        if (self.name == TINY_RANDOM) != (self.text is not None):
            raise ValueError(f"`text` is given with `name: {TINY_RANDOM}`, and only there")
        return self


class Recipe(Section):
    """What every stage is told."""

    NOT_INPUTS: ClassVar[frozenset[str]] = frozenset({"output_dir"})

    output_dir: Path = Field(description="Folder for the result, its manifest, metrics and checkpoints.")
    seed: int = Field(42, ge=0, description="Seed of shuffles, dropout and new adapters.")
