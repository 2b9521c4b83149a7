"""What `generate` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from training.schema.base import Recipe
from training.schema.docs import Docs
from training.schema.teacher import Prices, Requests, Teacher

Operation = Literal["rewrite", "deepen", "concretise", "multi_step"]
OPERATIONS: tuple[Operation, ...] = ("rewrite", "deepen", "concretise", "multi_step")


class GenerateRecipe(Recipe):
    """Questions and answers about a folder of documentation, written by a teacher."""

    NOT_INPUTS: ClassVar[frozenset[str]] = Recipe.NOT_INPUTS | {"requests", "prices", "max_cost", "cache_dir"}

    docs: Docs
    teacher: Teacher
    requests: Requests = Requests()
    prices: Prices = Prices()
    max_cost: float | None = Field(None, gt=0, description="Stop before the request that would pass it.")
    cache_dir: Path | None = Field(
        None, description="Folder of replies, also for several output folders. Left out: `cache` in output_dir."
    )
    max_chunks: int | None = Field(None, gt=0, description="So many chunks, drawn by the seed. Left out: all.")
    held_out_share: float = Field(0.1, ge=0, lt=1, description="Of the chunks, in whole sections.")
    pairs_per_request: int = Field(3, ge=1, le=20, description="What one request asks for, at most.")
    passes: int = Field(3, ge=1, le=10, description="The first writes; each further one evolves the pass before it.")
    operations: list[Operation] = Field(
        list(OPERATIONS), min_length=1, description="How pairs are evolved, in turn (Evol-Instruct, 2304.12244)."
    )
    multi_section_share: float = Field(
        0.3, ge=0, le=1, description="Of the chunks; each is joined by one of another section that the search finds."
    )
    unanswerable_share: float = Field(0.3, ge=0, le=1, description="Of the chunks, asked for what the docs leave out.")
    neighbours: int = Field(4, ge=1, le=20, description="Retrieved chunks that must not answer an unanswerable one.")

    @model_validator(mode="after")
    def _a_limit_needs_prices(self) -> Self:
        if self.max_cost is not None and not (self.prices.prompt or self.prices.completion):
            raise ValueError("max_cost needs `prices`: without them every request costs nothing")
        return self
