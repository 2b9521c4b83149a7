"""Which rows a finished model is measured on."""

from __future__ import annotations

from pydantic import Field

from training.schema.data import Rows


class HeldOut(Rows):
    """Text that none of the compared models was trained on: chats, or a plain text (.txt, .md)."""

    held_out_rows: int = Field(0, ge=0, description="The rows that `sft` holds out of this file. 0: all of them.")
    split_seed: int = Field(0, ge=0, description="As in the recipe of `sft`.")
    system: str = Field("", description="System text for rows of question and answer. Empty: none.")
    max_length: int = Field(1024, ge=16, description="Tokens of a row; longer chats are cut, a text is cut into rows.")


class PerplexityCheck(HeldOut):
    """What the parents of a merge and its result are measured on."""

    at_most: float = Field(1.5, gt=0, description="A result of more than so many times the worst parent's is refused.")
