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

    first: str = Field(description="An arm.")
    second: str = Field(description="Another one.")
    items: int = Field(description="How many both were asked about.")
    difference: float = Field(description="Of the accuracies.")
    interval: Interval = Field(description="95 % interval of it.")
    only_first: int = Field(description="Items that only the first has right, by its pooled choice.")
    only_second: int = Field(description="Items that only the second has right.")
    p: float = Field(description="Exact two-sided McNemar test of those two.")
    p_holm: float = Field(description="The same, adjusted for all comparisons of this file (Holm).")


class Rounds(BaseModel):
    """The study's protocol: one arm, sampled in rounds over the same items."""

    rounds: int = Field(description="How many.")
    mean: float = Field(description="Of the accuracies of rounds.")
    std: float | None = Field(description="Over rounds; null for one round.")
    minimum: float = Field(description="The worst round.")
    lower_quartile: float = Field(description="A quarter of the rounds is not better.")
    median: float = Field(description="Half of them is not better.")
    upper_quartile: float = Field(description="Three quarters are not better.")
    maximum: float = Field(description="The best round.")
    unparsed: Share = Field(description="Share of replies without a letter; they count as wrong.")
    accuracies: list[float] = Field(description="By round.")


class RoundsTest(BaseModel):
    """Welch's t-test between the rounds of two arms."""

    first: str = Field(description="An arm.")
    second: str = Field(description="Another one.")
    difference: float = Field(description="Of the means, second less first.")
    t: float | None = Field(description="null without spread in either arm.")
    p: float | None = Field(description="Two-sided.")


class StudyProtocol(BaseModel):
    """What the study computed, and what it says."""

    temperature: float = Field(description="Of the sampled letters.")
    arms: dict[str, Rounds] = Field(description="By name, MODEL.ARM.")
    tests: list[RoundsTest] = Field(description="Every pair of arms.")
    shows: str = Field(description="What it does and does not show.")


class Results(BaseModel):
    """One run of `docent-train evaluate mcq`."""

    kind: Literal["mcq"] = Field("mcq", description="What was evaluated.")
    version: Literal[1] = Field(1, description="Of this form.")
    scoring: Literal["letter", "cloze"] = Field(description="By the likelihood of the letter or of the option's text.")
    seed: int = Field(description="Of the arms random and shuffled.")
    items: int = Field(description="How many.")
    items_hash: str = Field(description="sha256 of the file of items.")
    docs_hash: str | None = Field(description="Of the docs folder; null without one.")
    prompt_version: int = Field(description="Of the service's prompt.")
    embedding_model: str | None = Field(description="null where nothing was retrieved.")
    retrieval: dict[str, float | int | str] = Field(description="Settings of retrieval and packing that were used.")
    clusters: int = Field(description="How many are drawn from for intervals.")
    clustered_by: Literal["source", "item"] = Field(description="`source`: items of a page are drawn together.")
    detectable_difference: float = Field(
        description="Smallest difference of two arms that these items show in four of five runs at p < 0.05."
    )
    detectable_from: str = Field(description="What that was computed from.")
    models: dict[str, str] = Field(description="Identity of each model: a hash of its files, or its address and name.")
    arms: dict[str, ArmEntry] = Field(description="By name: MODEL.ARM, or an arm that reads nothing.")
    differences: list[Difference] = Field(description="Arms of a model, models in an arm, and against longest_option.")
    study: StudyProtocol | None = Field(None, description="With --protocol study.")
    notes: list[str] = Field(default_factory=list, description="What a reader has to know, in sentences.")
    versions: dict[str, str] = Field(description="Of Python and the libraries.")
