"""A whole calibration: thresholds chosen on some examples, measured on them or on others, with what to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.calibration.choice import (
    Escalation,
    Rule,
    answerable_threshold,
    best_threshold,
    escalation,
    nearest,
)
from app.calibration.curve import Point, at_threshold, curve
from app.calibration.examples import Example, halves, held_out
from app.calibration.labels import Label
from app.config import AnsweringSettings
from app.errors import InvalidInput

PRECISIONS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
REPLY = "DOCENT_ANSWERING__REPLY_THRESHOLD"
ANSWERABLE = "DOCENT_ANSWERING__ANSWERABLE_THRESHOLD"


@dataclass(frozen=True, slots=True)
class Wanted:
    """precision: of the replies. keep: share of answerable questions that is not escalated for want of evidence.
    holdout: share of the questions that is measured on, 0 for all of them.
    """

    precision: float
    keep: float
    holdout: float
    rule: Rule


@dataclass(frozen=True, slots=True)
class Calibration:
    """points: the curve that was measured. rows: wanted precision, and the point of its threshold, None where no
    threshold reaches it. now, escalated_now: with the present settings. nearest: what comes nearest to the wanted one.
    """

    wanted: Wanted
    chosen_on: int
    measured_on: int
    judged_by: dict[str, int]
    points: list[Point]
    rows: list[tuple[float, Point | None]]
    now: Point
    nearest: Point | None
    escalated: Escalation | str
    escalated_now: Escalation

    @property
    def chosen(self) -> Point | None:
        return dict(self.rows)[self.wanted.precision]

    @property
    def settings(self) -> dict[str, str]:
        """What to set, by name."""
        found = {} if self.chosen is None else {REPLY: f"{self.chosen.threshold:.4f}"}
        if isinstance(self.escalated, Escalation):
            found[ANSWERABLE] = f"{self.escalated.threshold:.3f}"
        return found

    @property
    def notes(self) -> list[str]:
        """What to know before the numbers are believed."""
        return [*self._trust(), *self._interplay()]

    def _trust(self) -> list[str]:
        found = []
        if self.judged_by["sources"]:
            found.append(
                f"{self.judged_by['sources']} answers are judged by the sources they cite, which stands in for a "
                "person's label: read some of them"
            )
        if not self.wanted.holdout:
            found.append(
                "thresholds are chosen and measured on the same questions: expect somewhat less on new ones "
                "(--holdout 0.5 measures on the other half)"
            )
        elif self.chosen is not None and self.wanted.rule.value(self.chosen) < self.wanted.precision:
            found.append(f"the questions held out do not bear the precision of {self.wanted.precision:g} out")
        return found

    def _interplay(self) -> list[str]:
        """An answer is never more confident than its evidence, so that only a low reply threshold feels the other."""
        if self.chosen is None or not isinstance(self.escalated, Escalation):
            return []
        before, after = self.escalated_now.threshold, self.escalated.threshold
        if before != after and self.chosen.threshold < max(before, after):
            return [f"{ANSWERABLE} changes what is replied to: set it first, and calibrate again"]
        return []

    def as_dict(self) -> dict[str, Any]:
        """JSON values; null for what is not reached or not chosen."""
        return {
            "precision": self.wanted.precision,
            "by": self.wanted.rule.by,
            "certainty": self.wanted.rule.certainty,
            "holdout": self.wanted.holdout,
            "chosen_on": self.chosen_on,
            "measured_on": self.measured_on,
            "judged_by": self.judged_by,
            "settings": self.settings,
            "reply": _point(self.chosen),
            "reply_now": _point(self.now),
            "answerable": asdict(self.escalated) if isinstance(self.escalated, Escalation) else None,
            "answerable_now": asdict(self.escalated_now),
            "table": [{"wanted": precision, "reached": _point(point)} for precision, point in self.rows],
            "curve": [_point(point) for point in self.points],
            "notes": self.notes,
        }


def check_number(labels: Sequence[Label], wanted: Wanted) -> None:
    """Raise InvalidInput when the labels are too few for the wanted precision, however the answers are."""
    held = sum(held_out(label.question, wanted.holdout) for label in labels)
    needed, given = wanted.rule.needed(wanted.precision), len(labels) - held
    kept = f" besides the {held} held out" if wanted.holdout else ""
    if given < needed:
        raise InvalidInput(
            f"a precision of {wanted.precision:g} takes {needed} labelled questions at the least{kept}, and there are "
            f"{given}: label more, or want less"
        )
    if wanted.holdout and not held:
        raise InvalidInput(f"a holdout of {wanted.holdout:g} holds none of the questions out: label more")


def calibrate(examples: Sequence[Example], wanted: Wanted, present: AnsweringSettings) -> Calibration:
    """Choose the thresholds and measure them. Examples are enough, as `check_number` has it."""
    rule, certainty = wanted.rule, wanted.rule.certainty
    chosen_on, held = halves(examples, wanted.holdout)
    measured_on = held or chosen_on
    found = curve(chosen_on, certainty)
    rows: list[tuple[float, Point | None]] = []
    for precision in sorted({*PRECISIONS, wanted.precision}):
        best = best_threshold(found, precision, rule)
        rows.append((precision, best and at_threshold(measured_on, best.threshold, certainty)))
    evidence = answerable_threshold(chosen_on, wanted.keep)
    return Calibration(
        wanted=wanted,
        chosen_on=len(chosen_on),
        measured_on=len(measured_on),
        judged_by={by: sum(one.judged_by == by for one in examples) for by in ("person", "sources")},
        points=curve(measured_on, certainty),
        rows=rows,
        now=at_threshold(measured_on, present.reply_threshold, certainty),
        nearest=nearest(found, rule),
        escalated=evidence if isinstance(evidence, str) else escalation(measured_on, evidence),
        escalated_now=escalation(measured_on, max(present.answerable_threshold, present.off_topic_threshold)),
    )


def _point(point: Point | None) -> dict[str, float] | None:
    if point is None:
        return None
    values = {"coverage": point.coverage, "precision": point.precision, "lower": point.lower, "upper": point.upper}
    counts = {"questions": point.questions, "replies": point.replies, "right": point.right}
    return {"threshold": point.threshold, **counts, **{name: round(value, 4) for name, value in values.items()}}
