"""What a pair has to be to pass the filters of `prepare`."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from training.schema.base import Section
from training.schema.teacher import Prices, Requests, Teacher


class Judge(Section):
    """A model that reads each pair that the other filters kept, beside its passages.

    What words cannot tell, it can: of the pairs that the default filters keep, one in five to ten is not good.
    """

    NOT_INPUTS: ClassVar[frozenset[str]] = frozenset({"requests", "prices", "max_cost"})

    model: Teacher = Field(description="The model that judges; `temperature: 0` makes its verdicts steadier.")
    passages: int = Field(3, ge=1, description="Shown with a pair: those that support it, then the next in the search.")
    requests: Requests = Requests()
    prices: Prices = Prices()
    max_cost: float | None = Field(None, gt=0, description="Stop before the request that would pass it.")

    @model_validator(mode="after")
    def _a_limit_needs_prices(self) -> Self:
        if self.max_cost is not None and not (self.prices.prompt or self.prices.completion):
            raise ValueError("max_cost needs `prices`: without them every request costs nothing")
        return self


class FilterSettings(Section):
    """Thresholds of the filters. `training.filters.grounding` says how the default of `grounding` does.

    0.75 is where half of the good pairs are kept; higher is less, and hardly cleaner.
    """

    min_question_words: int = Field(3, ge=1, description="Shorter questions are dropped.")
    max_question_tokens: int = Field(96, ge=1, description="Longer questions are dropped.")
    min_answer_words: int = Field(3, ge=1, description="Shorter answers are dropped, but for those that are code.")
    max_answer_tokens: int = Field(512, ge=1, description="Longer answers are dropped.")
    min_language: float = Field(
        0.25, ge=0, le=1, description="Least share of words that are among the commonest of the docs. 0: any language."
    )
    grounding: float = Field(
        0.75, ge=0, le=1, description="Least probability that the docs hold what the answer says. 0: not asked."
    )
    trim: bool = Field(True, description="Cut sentences and last clauses from answers that the passages do not say.")
    round_trip: int = Field(
        10, ge=0, description="The question has to retrieve a supporting chunk among the first so many. 0: not asked."
    )
    self_standing: bool = Field(True, description="Drop questions that only a reader of their page understands.")
    commands: bool = Field(True, description="Drop answers with code that stands in the docs otherwise or not at all.")
    near_duplicate: float = Field(
        0.8, gt=0, le=1, description="Common share of words (Jaccard) from which on a later question is dropped."
    )
    near_evaluation: float = Field(
        0.6, gt=0, le=1, description="The same against questions that a model is measured on."
    )
    judge: Judge | None = Field(None, description="The last filter. Left out: nobody reads the pairs.")
    depth: int = Field(10, ge=1, description="Chunks retrieved for a pair whose chunks nobody told.")

    @model_validator(mode="after")
    def _a_round_trip_ends_where_the_search_does(self) -> Self:
        if self.round_trip > self.depth:
            raise ValueError(f"round_trip {self.round_trip} is more than the {self.depth} chunks retrieved (`depth`)")
        return self
