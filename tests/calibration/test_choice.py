"""The curve, the choice of both thresholds, and what is told of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from app.answering.decision import judge
from app.calibration.calibration import ANSWERABLE, REPLY, Calibration, Wanted, calibrate, check_number
from app.calibration.choice import Rule, answerable_threshold, best_threshold, escalation, nearest
from app.calibration.curve import at_threshold, curve
from app.calibration.examples import Example, held_out
from app.calibration.labels import Label
from app.config import AnsweringSettings
from app.errors import InvalidInput

PROVEN, MEASURED = Rule("proven", 0.95), Rule("measured", 0.95)


def example(confidence: float, correct: bool, *, sent: bool = True, at: int = 0, **known: Any) -> Example:
    return Example(f"q{at}", confidence, sent, correct, "person", **known)


def honest(count: int, seed: int) -> list[Example]:
    """Answers as often right as they are confident."""
    chance = random.Random(seed)  # noqa: S311  (the same on every run)
    drawn = [round(chance.uniform(0.4, 1), 4) for _ in range(count)]
    return [example(one, chance.random() < one, at=at) for at, one in enumerate(drawn)]


def wanted(precision: float = 0.9, rule: Rule = PROVEN, holdout: float = 0.0) -> Wanted:
    return Wanted(precision, 0.95, holdout, rule)


def chosen(examples: Sequence[Example], want: Wanted) -> Calibration:
    return calibrate(examples, want, AnsweringSettings())


def test_a_point_of_the_curve_for_each_confidence() -> None:
    examples = [example(0.9, True), example(0.5, True), example(0.9, False), example(0.7, True), example(0.99, True)]
    examples += [example(1.0, False, sent=False), example(0.1, False, sent=False), example(0.1, False, sent=False)]
    points = curve(examples, 0.95)
    assert [(one.threshold, one.replies, one.right) for one in points] == [
        (0.99, 1, 1),
        (0.9, 3, 2),
        (0.7, 4, 3),
        (0.5, 5, 4),
    ]
    assert [one.coverage for one in points] == [1 / 8, 3 / 8, 4 / 8, 5 / 8]
    assert all(one == at_threshold(examples, one.threshold, 0.95) for one in points)
    assert all(one.lower < one.precision <= one.upper for one in points)


def test_a_threshold_is_what_the_service_replies_from() -> None:
    """The answers at and above the chosen threshold are those that the decision calls replies."""
    settings = AnsweringSettings()
    for point in curve(honest(60, 1), 0.95):
        at = settings.model_copy(update={"reply_threshold": point.threshold})
        assert judge("generated", point.threshold, 1.0, [], at).decision == "reply"
        assert judge("generated", point.threshold - 0.0001, 1.0, [], at).decision == "draft"


def test_the_largest_coverage_that_reaches_the_precision() -> None:
    """Also behind a dip; a precision that is met exactly is met."""
    flags = [True] * 5 + [False] + [True] * 4 + [False]
    points = curve([example(0.9 - at / 100, right) for at, right in enumerate(flags)], 0.95)
    best = best_threshold(points, 0.9, MEASURED)
    assert best is not None
    assert (best.replies, best.right) == (10, 9)


def test_a_handful_proves_nothing() -> None:
    points = curve([example(0.9, True)] * 3 + [example(0.5, False)] * 97, 0.95)
    assert best_threshold(points, 0.9, PROVEN) is None
    assert best_threshold(points, 0.99, MEASURED) is not None
    best = nearest(points, PROVEN)
    assert best is not None
    assert (best.replies, round(best.lower, 3)) == (3, 0.368)


def test_29_right_ones_prove_nine_of_ten() -> None:
    for count, reached in ((28, False), (29, True)):
        points = curve([example(0.9, True, at=at) for at in range(count)], 0.95)
        assert (best_threshold(points, 0.9, PROVEN) is not None) is reached
        labels = [Label(question=f"q{at}", correct=True, confidence=0.9) for at in range(count)]
        if reached:
            check_number(labels, wanted())
        else:
            with pytest.raises(InvalidInput, match="takes 29 labelled questions at the least, and there are 28"):
                check_number(labels, wanted())


def test_a_threshold_held_to_questions_it_has_not_seen_keeps_its_promise() -> None:
    """95 % certain: of 100 thresholds that are chosen on one half, few fall below on a large sample of others."""
    reality = honest(10_000, 0)
    broken = choices = 0
    for seed in range(1, 101):
        best = best_threshold(curve(honest(150, seed), 0.95), 0.8, PROVEN)
        if best is not None:
            choices += 1
            broken += at_threshold(reality, best.threshold, 0.95).precision < 0.8
    assert choices > 75
    # The largest of many coverages is a choice among many chances, so that more than 5 % may fail, yet not half.
    assert 0 < broken / choices < 0.2


def test_the_other_half_is_what_is_measured() -> None:
    examples = honest(400, 3)
    same, other = chosen(examples, wanted(0.8)), chosen(examples, wanted(0.8, holdout=0.5))
    assert (same.chosen_on, same.measured_on) == (400, 400)
    assert other.chosen_on + other.measured_on == 400
    assert other.chosen is not None
    assert other.chosen.questions == other.measured_on == other.now.questions == other.points[-1].questions
    assert any("same questions" in note for note in same.notes)
    assert not any("same questions" in note for note in other.notes)


def test_the_rows_are_the_choice_at_each_precision() -> None:
    found = chosen(honest(300, 5), wanted(0.77))
    rows = dict(found.rows)
    assert rows[0.77] == found.chosen
    assert rows[0.99] is None
    reached = [point.replies for _, point in found.rows if point is not None]
    assert reached == sorted(reached, reverse=True)
    assert all(point.lower >= precision for precision, point in found.rows if point is not None)
    assert found.settings[REPLY] == f"{rows[0.77].threshold:.4f}"
    assert found.as_dict()["reply"]["threshold"] == rows[0.77].threshold


def test_evidence_keeps_the_answerable_and_escalates_the_others() -> None:
    known = [example(0.5, True, answerable=True, evidence=one / 100) for one in range(20, 60)]
    known += [example(0.5, False, answerable=False, evidence=one / 100) for one in (1, 10, 20, 21, 22, 50)]
    known += [example(0.5, True, answerable=True), example(0.5, True, evidence=0.01)]  # of these half is not known
    threshold = answerable_threshold(known, 0.95)
    assert threshold == 0.22
    found = escalation(known, 0.22)
    assert (found.answerable, found.answerable_kept) == (40, 38)
    assert (found.unanswerable, found.unanswerable_escalated) == (6, 4)
    assert chosen([*known, *honest(200, 2)], wanted(0.7)).settings[ANSWERABLE] == "0.220"


def test_evidence_is_not_chosen_on_a_handful() -> None:
    few = [example(0.5, True, answerable=True, evidence=0.5)] * 19
    assert answerable_threshold([*few, example(0.5, False, answerable=False, evidence=0.1)], 0.95) == (
        "19 answerable and 1 other questions with a known evidence are there, 20 and 1 are wanted"
    )
    assert "0 other" in str(answerable_threshold(few * 2, 0.95))
    assert answerable_threshold(honest(50, 1), 0.95) == "no label has `answerable` with a known evidence"


def test_a_low_reply_threshold_feels_the_other_one() -> None:
    known = [example(0.1 + at / 500, True, answerable=True, evidence=0.2 + at / 500) for at in range(100)]
    known += [example(0.05, False, sent=False, answerable=False, evidence=0.01)]
    found = chosen(known, wanted(0.9))
    assert found.settings == {REPLY: "0.1000", ANSWERABLE: "0.210"}
    assert any("calibrate again" in note for note in found.notes)


def test_held_out_questions_that_say_otherwise() -> None:
    """All right where the threshold is chosen, all wrong where it is measured."""
    sure = [example(0.9, not held_out(f"q{at}", 0.5), at=at) for at in range(100)]
    found = chosen(sure, wanted(holdout=0.5))
    assert found.chosen is not None
    assert (found.chosen.threshold, found.chosen.right) == (0.9, 0)
    assert "the questions held out do not bear the precision of 0.9 out" in found.notes


def test_questions_held_out_are_no_labels_to_choose_on() -> None:
    labels = [Label(question=f"q{at}", correct=True, confidence=0.9) for at in range(40)]
    check_number(labels, wanted())
    with pytest.raises(InvalidInput, match="at the least besides the"):
        check_number(labels, wanted(holdout=0.5))
    with pytest.raises(InvalidInput, match="holds none of the questions out"):
        check_number(labels, wanted(holdout=1e-9))
