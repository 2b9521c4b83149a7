"""A label and its answer as one example: how confident, whether it could be sent, and whether it is right.

Judging by sources stands in for a person: an answer that cites the right page may still say the wrong thing of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from app.calibration.answers import MadeAnswer
from app.calibration.labels import Label

_MARKER = re.compile(r"\s*\[\d+\]")
_HASH_RANGE = 1 << 256


@dataclass(frozen=True, slots=True)
class Example:
    """can_be_sent: whether it is a reply as soon as its confidence reaches the threshold.

    evidence: of retrieval, None where it is not known; answerable: None where no label says so.
    """

    question: str
    confidence: float
    can_be_sent: bool
    correct: bool
    judged_by: Literal["person", "sources"]
    answerable: bool | None = None
    evidence: float | None = None


def labelled_example(label: Label) -> Example:
    """Of a line with a person's label."""
    return Example(
        label.question,
        round(label.confidence or 0.0, 4),
        _can_be_sent(label.decision, label.kind, label.reasons),
        bool(label.correct),
        "person",
        label.answerable,
        label.evidence,
    )


def asked_example(label: Label, answer: MadeAnswer) -> Example:
    """Of a line whose question was asked."""
    return Example(
        label.question,
        round(answer.confidence, 4),
        _can_be_sent(answer.decision, answer.kind, answer.reasons),
        is_right(label, answer),
        "sources",
        label.answerable,
        answer.evidence,
    )


def is_right(label: Label, answer: MadeAnswer) -> bool:
    """Whether the answer cites one of the sources and holds every string. Nothing is right that has no answer."""
    if not label.answerable:
        return False
    said = _plain(_MARKER.sub("", answer.text))
    cites = not label.sources or any(
        _same_page(page, wanted) for page in answer.pages or () for wanted in label.sources
    )
    return cites and all(_plain(one) in said for one in label.must_contain)


def halves(examples: Sequence[Example], holdout: float) -> tuple[list[Example], list[Example]]:
    """What thresholds are chosen on, and about the share `holdout` that they are measured on.

    The hash of a question decides: every run parts alike, more labels move none, and a question that is there twice
    is not on both sides.
    """
    held = [held_out(one.question, holdout) for one in examples]
    chosen_on = [one for one, is_held in zip(examples, held, strict=True) if not is_held]
    return chosen_on, [one for one, is_held in zip(examples, held, strict=True) if is_held]


def held_out(question: str, holdout: float) -> bool:
    return int.from_bytes(sha256(question.encode()).digest(), "big") < holdout * _HASH_RANGE


def _can_be_sent(decision: str, kind: str, reasons: Sequence[str]) -> bool:
    return decision != "escalate" and kind != "none" and set(reasons) <= {"low_confidence"}


def _same_page(page: str, wanted: str) -> bool:
    """Whether two paths name one page, where either may begin further up in the tree."""
    page, wanted = page.removeprefix("./").strip("/"), wanted.removeprefix("./").strip("/")
    return page == wanted or page.endswith(f"/{wanted}") or wanted.endswith(f"/{page}")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
