"""Which rows a model is trained on."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from training.schema.base import Section


class Rows(Section):
    """Rows of a CSV or JSONL file, of a folder that `datasets` saved, or of a data set on the hub.

    They have `messages`, or `question` and `answer`.
    """

    path: str = Field(min_length=1, description="The file, folder or hub name; $NAME is an environment variable.")
    split: str = Field("train", description="Split of a data set on the hub, or of a saved folder that has splits.")
    limit: int | None = Field(None, gt=0, description="Only the first so many rows.")


class Replay(Rows):
    """General chat rows mixed in, so that the model keeps what it knew."""

    share: float = Field(0.1, gt=0, lt=1, description="Share of replayed rows in the mix.")


class SftData(Section):
    """Train and held-out rows: two files, or one of which some rows are held out."""

    train: Rows
    held_out: Rows | None = Field(None, description="Rows the loss is watched on.")
    held_out_rows: int = Field(0, ge=0, description="So many of `train`'s rows held out, no question on both sides.")
    split_seed: int = Field(0, ge=0, description="Which rows; runs that are compared or merged hold out the same.")
    system: str = Field("", description="System text for rows of question and answer. Empty: none.")
    replay: Replay | None = None

    @model_validator(mode="after")
    def _one_way_to_hold_out(self) -> Self:
        if (self.held_out is None) == (self.held_out_rows == 0):
            raise ValueError("give one of `held_out` and `held_out_rows`")
        return self


class PreferenceData(Section):
    """Rows of prompt, chosen and rejected, as `prepare` writes them, or as published sets have them.

    Known shapes: prompt, chosen and rejected as messages or as text; system, question (or input), chosen and rejected
    as in Intel/orca_dpo_pairs and argilla/distilabel-intel-orca-dpo-pairs.
    """

    train: Rows
    held_out: Rows | None = Field(None, description="Rows that reward margin and accuracy are watched on.")
    held_out_rows: int = Field(0, ge=0, description="So many of `train`'s rows held out, no question on both sides.")
    split_seed: int = Field(0, ge=0, description="Which rows; runs that are compared hold out the same.")
    min_chosen_score: float | None = Field(
        None,
        description="Keep rows with `chosen_score` of at least so much that are no tie and not of GSM8K's train set.",
    )

    @model_validator(mode="after")
    def _one_way_to_hold_out(self) -> Self:
        if (self.held_out is None) == (self.held_out_rows == 0):
            raise ValueError("give one of `held_out` and `held_out_rows`")
        return self
