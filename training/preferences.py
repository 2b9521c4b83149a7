"""Preference pairs for DPO: prompt, chosen and rejected as messages, whatever shape the rows came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from training.errors import SourceError
from training.rows import Chat, held_out_places, normalised, read_rows
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

    Raises SourceError for rows of no known shape, and where the filter leaves nothing.
    """
    pairs = _pairs(data.train, data.min_chosen_score)
    if data.held_out is not None:
        return pairs, _pairs(data.held_out, data.min_chosen_score)
    chosen = held_out_places([_question(pair) for pair in pairs], data.held_out_rows, data.split_seed)
    train = [pair for place, pair in enumerate(pairs) if place not in chosen]
    return train, [pairs[place] for place in sorted(chosen)]


def as_preference(row: Mapping[str, Any]) -> Preference:
    """A row of any known shape. Raises SourceError with the columns of one that has none of them."""
    if not all(row.get(key) for key in ("chosen", "rejected")):
        raise SourceError(f"a row has no chosen and rejected answer (it has: {', '.join(sorted(map(str, row)))})")
    chosen, rejected = (_messages(row[key], "assistant") for key in ("chosen", "rejected"))
    prompt = _prompt(row)
    if prompt is None:  # whole conversations, of which the part that both share is the prompt
        shared = _shared(chosen, rejected)
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    if prompt == chosen[: len(prompt)] == rejected[: len(prompt)]:  # whole conversations beside their prompt
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    if not prompt or not chosen or not rejected:
        raise SourceError("a row has no question before its answers, or both answers are the same")
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def passes(row: Mapping[str, Any], min_chosen_score: float) -> bool:
    """The usual filter: no tie, a chosen answer of that score, no question of GSM8K's train set.

    It leaves 5,922 of the 12,859 rows of argilla/distilabel-intel-orca-dpo-pairs at a score of 8.
    """
    missing = [key for key in (_STATUS, _SCORE, _CONTAMINATED) if key not in row]
    if missing:
        raise SourceError(f"min_chosen_score needs the column {missing[0]}, which the rows lack: set it to null")
    score = row[_SCORE]
    scored = score is not None and score != "" and float(score) >= min_chosen_score
    return scored and row[_STATUS] != "tie" and str(row[_CONTAMINATED]).lower() not in {"true", "1"}


def _pairs(rows: Rows, min_chosen_score: float | None) -> list[Preference]:
    """Without rows of which an answer is empty: published sets have some."""
    found: Iterable[Mapping[str, Any]] = [
        row for row in read_rows(rows) if row.get("chosen") != "" and row.get("rejected") != ""
    ]
    if min_chosen_score is not None:
        found = [row for row in found if passes(row, min_chosen_score)]
    pairs = [as_preference(row) for row in found]
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
    if isinstance(value, Sequence) and all(isinstance(one, Mapping) and "content" in one for one in value):
        return [{"role": str(one.get("role") or role), "content": str(one["content"])} for one in value]
    raise SourceError(f"a prompt or answer is neither text nor messages: {str(value)[:80]}")


def _shared(one: Chat, other: Chat) -> int:
    """Number of messages that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _question(pair: Preference) -> str:
    """What was asked last; prompts of the same question stay together whatever passages stand with it."""
    asked = next((turn["content"] for turn in reversed(pair["prompt"]) if turn["role"] == "user"), "")
    return normalised(asked.rpartition("\n\nQuestion: ")[2])
