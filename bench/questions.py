"""The labelled question sets, and the halves that they are split into: one to fit on, one to measure on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """kind: answerable, unanswerable or off_topic. files: each of them holds the answer."""

    id: str
    question: str
    files: tuple[str, ...]
    kind: str


def load_questions(name: str) -> list[LabelledQuestion]:
    """The set `tests/data/<name>_questions.jsonl`."""
    lines = (DATA / f"{name}_questions.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return [LabelledQuestion(one["id"], one["question"], tuple(one["files"]), one["kind"]) for one in entries]


def fitting_half(questions: Sequence[LabelledQuestion]) -> list[LabelledQuestion]:
    """Every other question, the first included: what weights and thresholds may be chosen on."""
    return list(questions[::2])


def measuring_half(questions: Sequence[LabelledQuestion]) -> list[LabelledQuestion]:
    """The others: what nothing was chosen on."""
    return list(questions[1::2])
