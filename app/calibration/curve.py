"""Precision against coverage: what every threshold of the confidence would reply to, and how often rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from app.calibration.bounds import lower_bound, upper_bound
from app.calibration.examples import Example


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does.

    coverage: share of all questions that are replied to. precision: share of the replies that are right, 1 without
    any. lower, upper: bounds of the precision, each certain by itself.
    """

    threshold: float
    questions: int
    replies: int
    right: int
    lower: float
    upper: float

    @property
    def coverage(self) -> float:
        return self.replies / self.questions

    @property
    def precision(self) -> float:
        return self.right / self.replies if self.replies else 1.0


def curve(examples: Sequence[Example], certainty: float) -> list[Point]:
    """A point for every confidence that can be sent, the highest first: each replies to more than the one before."""
    sendable = sorted((one for one in examples if one.can_be_sent), key=lambda one: -one.confidence)
    points, replies, right = [], 0, 0
    for confidence, equals in groupby(sendable, key=lambda one: one.confidence):
        correct = [one.correct for one in equals]
        replies, right = replies + len(correct), right + sum(correct)
        points.append(_point(confidence, len(examples), replies, right, certainty))
    return points


def at_threshold(examples: Sequence[Example], threshold: float, certainty: float) -> Point:
    """What `threshold` does to the examples, replies from that confidence on."""
    replied = [one.correct for one in examples if one.can_be_sent and one.confidence >= threshold]
    return _point(threshold, len(examples), len(replied), sum(replied), certainty)


def _point(threshold: float, questions: int, replies: int, right: int, certainty: float) -> Point:
    lower, upper = lower_bound(right, replies, certainty), upper_bound(right, replies, certainty)
    return Point(threshold, questions, replies, right, lower, upper)
