"""From figures to a decision, and which reason goes with which."""

from __future__ import annotations

import pytest

from app.answering.answer import Kind, Reason
from app.answering.decision import ABSTENTION_TEXTS, abstention, judge
from app.config import AnsweringSettings

SETTINGS = AnsweringSettings(off_topic_threshold=0.1, answerable_threshold=0.4, reply_threshold=0.5)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (0.0, "off_topic"),
        (0.0999, "off_topic"),
        (0.1, "no_relevant_docs"),
        (0.3999, "no_relevant_docs"),
        (0.4, None),
        (1.0, None),
    ],
)
def test_when_not_to_answer(evidence: float, reason: str | None) -> None:
    assert abstention(evidence, SETTINGS) == reason


@pytest.mark.parametrize(
    ("kind", "evidence", "support", "trouble", "decision", "confidence", "reasons"),
    [
        ("generated", 1.0, 1.0, [], "reply", 1.0, []),
        ("generated", 0.9, 0.8, [], "reply", 0.81, []),
        ("generated", 0.5, 1.0, [], "reply", 0.5, []),
        ("generated", 0.5, 0.9, [], "draft", 0.475, ["low_confidence"]),
        ("extractive", 0.9, 0.4, [], "reply", 0.63, []),
        ("extractive", 0.9, 0.4, ["engine_unavailable"], "draft", 0.63, ["engine_unavailable"]),
        ("generated", 0.4, 0.0, ["engine_unavailable"], "draft", 0.2, ["engine_unavailable", "low_confidence"]),
        ("none", 0.9, 0.9, ["not_grounded"], "escalate", 0.855, ["not_grounded"]),
    ],
)
def test_the_verdict(
    kind: Kind,
    evidence: float,
    support: float,
    trouble: list[Reason],
    decision: str,
    confidence: float,
    reasons: list[Reason],
) -> None:
    given = list(trouble)
    verdict = judge(kind, evidence, support, given, SETTINGS)
    assert (verdict.decision, verdict.confidence, verdict.reasons) == (decision, confidence, reasons)
    assert given == trouble


def test_every_refusal_has_its_words() -> None:
    assert set(ABSTENTION_TEXTS) == {"off_topic", "no_relevant_docs", "not_grounded", "human_requested"}
