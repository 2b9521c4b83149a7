"""What `generate` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from training.schema.base import Recipe, Section
from training.schema.docs import Docs

EMBEDDED = "embedded"
Operation = Literal["rewrite", "deepen", "concretise", "multi_step"]
OPERATIONS: tuple[Operation, ...] = ("rewrite", "deepen", "concretise", "multi_step")


class Teacher(Section):
    """The model that writes, and how it samples. In a recipe `embedded` alone stands for the service's own engine."""

    base_url: str = Field(
        pattern=r"^(embedded|https?://.+)$",
        description="An OpenAI-compatible endpoint, up to /v1, or `embedded`: the service's own engine, for this run.",
    )
    model: str = Field("", description="The model's name there. Empty: the engine's only one.")
    api_key_env: str = Field("", pattern=r"^\w*$", description="Environment variable that holds the key.")
    temperature: float = Field(0.7, ge=0, le=2, description="Of the samples; 0 takes the likeliest token.")
    max_tokens: int = Field(1500, ge=16, description="Tokens of one reply; one that is cut off counts as failed.")

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:  # noqa: ANN401  (whatever the file says)
        return {"base_url": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _endpoint_has_a_model(self) -> Self:
        if self.base_url != EMBEDDED and not self.model:
            raise ValueError("`model` is missing: an endpoint may serve several")
        return self


class Requests(Section):
    """How the teacher is asked. Nothing here changes what a finished run holds."""

    concurrency: int = Field(8, gt=0, description="Requests at the same time.")
    timeout_seconds: float = Field(300.0, gt=0, description="Longest wait for one reply.")
    retries: int = Field(5, ge=0, description="Further tries after 429, 5xx, a timeout or a broken connection.")
    retry_seconds: float = Field(1.0, gt=0, description="First wait, doubled each time. Retry-After goes before it.")
    max_failed_share: float = Field(
        0.3, ge=0, le=1, description="Of all requests; when more fail or cannot be parsed, the run stops."
    )


class Prices(Section):
    """Per million tokens, in the currency of `max_cost`."""

    prompt: float = Field(0.0, ge=0, description="Of a million tokens of prompt.")
    completion: float = Field(0.0, ge=0, description="Of a million tokens of reply.")


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
