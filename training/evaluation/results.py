"""`results.json` of the multiple-choice benchmark. Its schema stands in docs/reference/evaluation.md."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Share = float


class Interval(BaseModel):
    """Of a mean over items; resamples draw clusters of items."""

    low: float = Field(description="2.5 % quantile of the resampled means.")
    high: float = Field(description="97.5 % quantile.")
    standard_error: float | None = Field(description="Standard deviation of the resampled means; null for one cluster.")


class Misses(BaseModel):
    """Why items of an arm are wrong, where their source is known; each counts by the share of orders it is wrong in."""

    retrieval_missed: Share = Field(description="The item's page is not among the passages shown.")
    model_missed: Share = Field(description="It is among them.")
    retrieval_hit: Share = Field(description="Share of items whose page is among the passages shown.")


class ArmEntry(BaseModel):
    """A model in one arm, or an arm that reads nothing."""

    accuracy: Share = Field(description="Mean over items of the share of option orders that were answered right.")
    interval: Interval = Field(description="95 % interval of `accuracy`.")
    items: int = Field(description="How many items were asked.")
    left_out: int = Field(0, description="Items that this arm cannot be asked about, e.g. gold without a known source.")
    pooled_accuracy: Share | None = Field(
        None, description="Share of items whose right option has the highest mean probability over the orders."
    )
    misses: Misses | None = Field(None, description="Only with passages and known sources.")
    chosen_places: list[Share] | None = Field(
        None, description="How often A, B, C, D was chosen as shown, over all orders; 0.25 each without a liking."
    )
    accuracy_by_place: list[Share] | None = Field(
        None, description="Accuracy with the right option shown at A, B, C, D; letters only."
    )
    method: str | None = Field(None, description="top_logprobs, prompt_logprobs or choice.")
    seconds: float | None = Field(None, description="Spent on requests, cached ones as when they were made.")
    prompt_tokens: int | None = Field(None, description="Of all requests.")


class Difference(BaseModel):
    """Second less first, over the items that both arms were asked about."""

    first: str
    second: str
    items: int
    difference: float = Field(description="Of the accuracies.")
    interval: Interval
    only_first: int = Field(description="Items that only the first has right, by its pooled choice.")
    only_second: int
    p: float = Field(description="Exact two-sided McNemar test of those two.")
    p_holm: float = Field(description="The same, adjusted for all comparisons of this file (Holm).")


class Rounds(BaseModel):
    """The study's protocol: one arm, sampled in rounds over the same items."""

    rounds: int
    mean: float
    std: float | None = Field(description="Over rounds; null for one round.")
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    unparsed: Share = Field(description="Share of replies without a letter; they count as wrong.")
    accuracies: list[float] = Field(description="By round.")


class RoundsTest(BaseModel):
    """Welch's t-test between the rounds of two arms."""

    first: str
    second: str
    difference: float = Field(description="Of the means, second less first.")
    t: float | None
    p: float | None


class StudyProtocol(BaseModel):
    """What the study computed, and what it says."""

    temperature: float
    arms: dict[str, Rounds]
    tests: list[RoundsTest]
    shows: str = Field(description="What it does and does not show.")


class Results(BaseModel):
    """One run of `docent-train evaluate mcq`."""

    kind: Literal["mcq"] = "mcq"
    version: Literal[1] = 1
    scoring: Literal["letter", "cloze"]
    seed: int
    items: int
    items_hash: str = Field(description="sha256 of the file of items.")
    docs_hash: str | None = Field(description="Of the docs folder; null without one.")
    prompt_version: int
    embedding_model: str | None
    retrieval: dict[str, float | int | str] = Field(description="Settings of retrieval and packing that were used.")
    clusters: int
    clustered_by: Literal["source", "item"]
    detectable_difference: float = Field(
        description="Smallest difference of two arms that these items show in four of five runs at p < 0.05."
    )
    detectable_from: str = Field(description="What that was computed from.")
    models: dict[str, str] = Field(description="Identity of each model: a hash of its files, or its address and name.")
    arms: dict[str, ArmEntry]
    differences: list[Difference]
    study: StudyProtocol | None = None
    notes: list[str] = Field(default_factory=list, description="What a reader has to know, in sentences.")
    versions: dict[str, str]
