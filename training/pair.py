"""A question with its answer, as `generate` writes it and `prepare` reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from training.errors import SourceError

Kind = Literal["answerable", "multi_section", "unanswerable"]
Split = Literal["", "train", "held_out"]
_KINDS = ("answerable", "multi_section", "unanswerable")
_SPLITS = ("", "train", "held_out")


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of `pairs.jsonl`.

    row: its number in the file it came from, from 1.
    kind: `unanswerable` has an answer that abstains, and no quotes.
    chunks: ids of the chunks it was written from; empty for foreign pairs, whose chunk nobody told.
    quotes: verbatim pieces of those chunks, on which the answer stands; empty for foreign pairs.
    depth: how many times the question was evolved.
    split: the side of the sections it was written from; empty for foreign pairs.
    """

    row: int
    question: str
    answer: str
    kind: Kind = "answerable"
    chunks: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    depth: int = 0
    split: Split = ""

    def as_row(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def pair_from(row: Mapping[str, Any], number: int) -> Pair:
    """A pair of a row that has at least question and answer. Raises SourceError with what is wrong with the row."""
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str):
        raise SourceError(f"has no question and answer (it has: {', '.join(sorted(map(str, row)))})")
    kind = row.get("kind") or "answerable"
    if kind not in _KINDS:
        raise SourceError(f"is of no known kind ({', '.join(_KINDS)}): {kind}")
    split = row.get("split") or ""
    if split not in _SPLITS:
        raise SourceError(f"is of no known split (train, held_out): {split}")
    return Pair(
        row=_whole(row, "row") or number,
        question=question.strip(),
        answer=answer.strip(),
        kind=cast("Kind", kind),
        chunks=_texts(row, "chunks"),
        quotes=_texts(row, "quotes"),
        depth=_whole(row, "depth"),
        split=cast("Split", split),
    )


def _whole(row: Mapping[str, Any], name: str) -> int:
    """0 where the row does not say it. A CSV file has numbers as texts."""
    value = row.get(name) or 0
    if isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal()):
        return int(value)
    raise SourceError(f"has a `{name}` that is no whole number: {value}")


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = row.get(name) or []
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise SourceError(f"has `{name}` that are no list of texts: {str(value)[:60]}")
