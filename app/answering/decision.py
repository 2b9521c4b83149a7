"""From evidence and support to reply, draft or escalate."""

from __future__ import annotations

from dataclasses import dataclass

from app.answering.answer import Decision, Kind, Reason
from app.config import AnsweringSettings

ABSTENTION_TEXTS: dict[Reason, str] = {
    "off_topic": "That is not something this documentation is about, so I cannot answer it.",
    "no_relevant_docs": "I could not find an answer to this in the documentation.",
    "not_grounded": "I could not find an answer to this in the documentation.",
    "human_requested": "You asked for a person. I can only answer from the documentation.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Decision
    confidence: float
    reasons: list[Reason]


def abstention(evidence: float, settings: AnsweringSettings) -> Reason | None:
    """The reason not to answer at this retrieval evidence, None when it suffices."""
    if evidence < settings.off_topic_threshold:
        return "off_topic"
    if evidence < settings.answerable_threshold:
        return "no_relevant_docs"
    return None


def judge(kind: Kind, evidence: float, support: float, trouble: list[Reason], settings: AnsweringSettings) -> Verdict:
    """The verdict on an answer that has text.

    evidence: probability that the docs hold the answer. support: mean support of the sentences shown, or the
    relevance of the quotes of an extractive answer. trouble: what went wrong on the way.
    """
    confidence = round(evidence * (0.5 + 0.5 * support), 4)
    reasons = list(trouble)
    if confidence < settings.reply_threshold:
        reasons.append("low_confidence")
    if kind == "none":
        return Verdict("escalate", confidence, reasons)
    return Verdict("draft" if reasons else "reply", confidence, reasons)
