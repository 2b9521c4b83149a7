"""The choice of the thresholds: of the confidence for a reply, and of the evidence below which a question escalates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.calibration.bounds import flawless_needed
from app.calibration.curve import Point
from app.calibration.examples import Example

_GRAIN = 1000  # steps of the evidence threshold: a trace rounds the evidence, and the last digit may be too high


@dataclass(frozen=True, slots=True)
class Rule:
    """When a precision counts as reached: `proven` by its lower bound at `certainty`, or as `measured`."""

    by: Literal["proven", "measured"]
    certainty: float

    def value(self, point: Point) -> float:
        return point.lower if self.by == "proven" else point.precision

    def needed(self, precision: float) -> int:
        """Labels without which `precision` cannot be reached, or one mistake more or less decides about it."""
        if self.by == "proven":
            return flawless_needed(precision, self.certainty)
        return math.ceil(round(1 / (1 - precision), 6))


def best_threshold(points: Sequence[Point], precision: float, rule: Rule) -> Point | None:
    """The point with the largest coverage that reaches `precision`, None where none does."""
    reaching = [point for point in points if rule.value(point) >= precision]
    return max(reaching, key=lambda point: point.replies, default=None)


def nearest(points: Sequence[Point], rule: Rule) -> Point | None:
    """The point that comes nearest to any precision, of several the one with the largest coverage."""
    return max(points, key=lambda point: (rule.value(point), point.replies), default=None)


@dataclass(frozen=True, slots=True)
class Escalation:
    """What a threshold of the evidence does to questions that are known to have an answer in the docs, or none."""

    threshold: float
    answerable: int
    answerable_kept: int
    unanswerable: int
    unanswerable_escalated: int


def escalation(examples: Sequence[Example], threshold: float) -> Escalation:
    """Counts of the examples whose evidence and answerability are known."""
    held = [one.evidence for one in examples if one.answerable is True and one.evidence is not None]
    beyond = [one.evidence for one in examples if one.answerable is False and one.evidence is not None]
    return Escalation(
        threshold,
        len(held),
        sum(evidence >= threshold for evidence in held),
        len(beyond),
        sum(evidence < threshold for evidence in beyond),
    )


def answerable_threshold(examples: Sequence[Example], keep: float) -> float | str:
    """The highest threshold that lets the share `keep` of the answerable questions through, or why there is none."""
    known = escalation(examples, 0)
    wanted = math.ceil(round(1 / (1 - keep), 6))  # with fewer not a single one may be lost, whatever is kept
    if not known.answerable and not known.unanswerable:
        return "no label has `answerable` with a known evidence"
    if known.answerable < wanted or not known.unanswerable:
        return (
            f"{known.answerable} answerable and {known.unanswerable} other questions with a known evidence are there, "
            f"{wanted} and 1 are wanted"
        )
    ranked = sorted(one.evidence for one in examples if one.answerable is True and one.evidence is not None)
    lost = len(ranked) - math.ceil(round(keep * len(ranked), 6))
    return math.floor(ranked[lost] * _GRAIN) / _GRAIN
