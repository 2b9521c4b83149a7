"""Preference pairs for DPO: prompt, chosen and rejected as messages, whatever shape the rows came in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from training.errors import SourceError
from training.rows import (
    Chat,
    as_message,
    asked_in,
    columns,
    held_out_places,
    read_as,
    refuse_same_questions,
)
from training.schema.data import PreferenceData, Rows

# Of argilla/distilabel-intel-orca-dpo-pairs: the judge's score of the chosen answer, its verdict on the pair, and
# whether the question stands in GSM8K's train set, on whose sibling models are measured.
_SCORE, _STATUS, _CONTAMINATED = "chosen_score", "status", "in_gsm8k_train"


class Preference(TypedDict):
    """prompt: the chat up to the answer. chosen, rejected: the one assistant message that follows, two ways."""

    prompt: Chat
    chosen: Chat
    rejected: Chat


def preference_rows(data: PreferenceData) -> tuple[list[Preference], list[Preference]]:
    """Train and held-out pairs. Pairs of one question are on one side; order is that of the files.

    Raises SourceError for rows of no known shape, where the filter leaves nothing, and where both files ask the same.
    """
    pairs = _pairs(data.train, data.min_chosen_score)
    if data.held_out is not None:
        held_out = _pairs(data.held_out, data.min_chosen_score)
        refuse_same_questions(data.train, map(_question, pairs), data.held_out, map(_question, held_out))
        return pairs, held_out
    chosen = held_out_places([_question(pair) for pair in pairs], data.held_out_rows, data.split_seed)
    train = [pair for place, pair in enumerate(pairs) if place not in chosen]
    return train, [pairs[place] for place in sorted(chosen)]


def as_preference(row: Mapping[str, Any]) -> Preference:
    """A row of any known shape. Raises SourceError with the columns of one that has none of them."""
    if not all(row.get(key) for key in ("chosen", "rejected")):
        raise SourceError(f"has no chosen and rejected answer (it has: {columns(row)})")
    chosen, rejected = (_messages(row[key], "assistant") for key in ("chosen", "rejected"))
    prompt = _prompt(row)
    if prompt is None:  # whole conversations, of which the part that both share is the prompt
        shared = _shared(chosen, rejected)
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    if prompt == chosen[: len(prompt)] == rejected[: len(prompt)]:  # whole conversations beside their prompt
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    if not prompt or not chosen or not rejected:
        raise SourceError("has no question before its answers, or both answers are the same")
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def passes(row: Mapping[str, Any], min_chosen_score: float) -> bool:
    """The usual filter: no tie, a chosen answer of that score, no question of GSM8K's train set.

    It leaves 5,922 of the 12,859 rows of argilla/distilabel-intel-orca-dpo-pairs at a score of 8.
    """
    missing = [key for key in (_STATUS, _SCORE, _CONTAMINATED) if key not in row]
    if missing:
        raise SourceError(f"lacks the column {missing[0]}, which min_chosen_score needs: set that to null")
    scored = _score(row[_SCORE]) >= min_chosen_score
    return scored and row[_STATUS] != "tie" and str(row[_CONTAMINATED]).lower() not in {"true", "1"}


def _score(value: object) -> float:
    """Below all others where there is none. Raises SourceError for what is no number."""
    try:
        return -math.inf if value is None or value == "" else float(str(value))
    except ValueError as error:
        raise SourceError(f"has a {_SCORE} that is no number: {value}") from error


def _pairs(rows: Rows, min_chosen_score: float | None) -> list[Preference]:
    """Without rows of which an answer is empty: published sets have some."""

    def made(row: Mapping[str, Any], _: int) -> Preference | None:
        if row.get("chosen") == "" or row.get("rejected") == "":
            return None
        return as_preference(row) if min_chosen_score is None or passes(row, min_chosen_score) else None

    pairs = [pair for pair in read_as(rows, made) if pair is not None]
    if not pairs:
        what = "has two answers" if min_chosen_score is None else f"has a chosen_score of {min_chosen_score} or more"
        raise SourceError(f"{rows.path}: no row {what} and is no tie")
    return pairs


def _prompt(row: Mapping[str, Any]) -> Chat | None:
    """The row's own prompt, or its system text and question; None where it has neither."""
    if row.get("prompt"):
        prompt = _messages(row["prompt"], "user")
    else:
        question = row.get("question") or row.get("input")
        if not question:
            return None
        prompt = _messages(question, "user")
    system = str(row.get("system") or "").strip()
    if system and prompt[0]["role"] != "system":
        return [{"role": "system", "content": system}, *prompt]
    return prompt


def _messages(value: object, role: str) -> Chat:
    """Messages as they are, a text as the one message of `role`."""
    if isinstance(value, str):
        return [{"role": role, "content": value.strip()}]
    if isinstance(value, Sequence):
        return [as_message(one, role) for one in value]
    raise SourceError(f"has a prompt or answer that is neither text nor messages: {str(value)[:80]}")


def _shared(one: Chat, other: Chat) -> int:
    """Number of messages that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _question(pair: Preference) -> str:
    """What was asked last; prompts of the same question stay together whatever passages stand with it."""
    asked = next((turn["content"] for turn in reversed(pair["prompt"]) if turn["role"] == "user"), "")
    return asked_in(asked)
