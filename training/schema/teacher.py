"""A model that is asked: where it is, how it samples, how often it is asked again, and what it costs."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from training.schema.base import Section

EMBEDDED = "embedded"


class Teacher(Section):
    """The model that writes, and how it samples. In a recipe `embedded` alone stands for the service's own engine."""

    NOT_INPUTS: ClassVar[frozenset[str]] = frozenset({"api_key_env"})

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
