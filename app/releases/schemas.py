"""Releases as the API and the command line show and take them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

RELEASE_ID = r"^rel_[0-9a-f]{24}$"
Threshold = Annotated[float, Field(ge=0, le=1)]


class Thresholds(BaseModel):
    """Settings of answering that a release fixes; those left out are as DOCENT_ANSWERING__… has them then."""

    model_config = ConfigDict(extra="forbid")

    answerable_threshold: Threshold | None = None
    off_topic_threshold: Threshold | None = None
    support_threshold: Threshold | None = None
    reply_threshold: Threshold | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    context_tokens: Annotated[int, Field(gt=0)] | None = None
    max_passages: Annotated[int, Field(gt=0, le=20)] | None = None


class PromoteBody(BaseModel):
    """A release that is there, by `release`; or a new one, of what is in service and what is given here."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"model": "nitro-7b-2", "thresholds": {"reply_threshold": 0.55}, "gate": {"passed": True}}]
        },
    )

    release: str | None = Field(None, pattern=RELEASE_ID, description="Of `GET /api/v1/admin/releases`.")
    revision: str | None = Field(None, pattern=r"^[0-9a-z-]{1,60}$", description="The serving one without.")
    model: str | None = Field(
        None, max_length=500, description="As the endpoint calls it, or a GGUF file. Without: the one in service."
    )
    thresholds: Thresholds = Field(default_factory=Thresholds)
    gate: dict[str, Any] | None = Field(
        None, description="gate.json of `docent-train evaluate compare --gate`, which has to say passed."
    )
    without_gate: bool = Field(False, description="Promote what no evaluation has passed; the release says so.")
    note: str = Field("", max_length=1000, description="Why, for whoever reads the list.")


class ReleaseResponse(BaseModel):
    """available: whether it can be put into service: its revision is there and fits the settings.

    in_service: whether answers are made with it now. moved_on: whether a run has put a newer index in its place since.
    """

    id: str
    created_at: datetime
    promoted_at: datetime | None = Field(description="When it was last put into service.")
    revision: str
    model: str = Field(description="Empty: the model of the settings.")
    prompt_version: int
    thresholds: dict[str, float | int]
    gate: dict[str, Any] = Field(description="What the gate said; empty where it was promoted without one.")
    note: str
    in_service: bool
    moved_on: bool
    available: bool
