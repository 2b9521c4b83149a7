"""From the answers to a ticket's questions to one decision on the ticket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.answer import Answer, Citation, Decision, Kind, Timings, Usage
from app.tickets.schemas import Mode, QuestionAnswer, TicketReason, TicketResult

_MARKER = re.compile(r"\[(\d{1,3})\]")
_SUMMARY_CITATIONS = 3
_WORDS: dict[TicketReason, str] = {
    "no_relevant_docs": "the documentation does not seem to hold the answer",
    "not_grounded": "nothing that could be said stands on the documentation",
    "off_topic": "this is not what the documentation is about",
    "low_confidence": "the answer is not sure enough",
    "human_requested": "a person is asked for",
    "engine_unavailable": "the model was not available",
    "nothing_asked": "no question was found in it",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a ticket stands when its answer is ready. changed: since the answer was begun, or since it was asked."""

    mode: Mode
    assigned: bool
    changed: bool


def combine(answers: Sequence[QuestionAnswer], version: int, person_asked: bool) -> TicketResult:
    """One result of a ticket with one answered question or more, its markers counted through.

    A question that cannot be answered makes a draft of the rest; when none can, a person has to.
    """
    first = answers[0].answer
    parts, citations = [], list[Citation]()
    for one in answers:
        offset = len(citations)
        parts.append(_part(one, offset, alone=len(answers) == 1))
        citations += [cited.model_copy(update={"marker": cited.marker + offset}) for cited in one.answer.citations]
    given = [one.answer for one in answers]
    reasons: list[TicketReason] = list(dict.fromkeys(reason for answer in given for reason in answer.reasons))
    if person_asked and "human_requested" not in reasons:
        reasons.append("human_requested")
    return TicketResult(
        id=first.id,
        conversation_id=first.conversation_id,
        question="\n".join(one.asked for one in answers),
        decision="escalate" if person_asked else _decision(given),
        confidence=min(answer.confidence for answer in given),
        reasons=reasons,
        kind=_kind(given),
        text="\n\n".join(parts),
        citations=citations,
        model=first.model,
        index_revision=first.index_revision,
        release=first.release,
        usage=Usage(
            prompt_tokens=sum(answer.usage.prompt_tokens for answer in given),
            completion_tokens=sum(answer.usage.completion_tokens for answer in given),
        ),
        timings_ms=_timings(given),
        suggested_labels=[],
        handoff_summary=None,
        questions=list(answers),
        version=version,
    )


def nothing_asked(
    answer_id: str, conversation_id: str, version: int, revision: str, release: str | None
) -> TicketResult:
    """The result of a ticket without a question: thanks, greetings, a complaint. A person looks at it."""
    return TicketResult(
        id=answer_id,
        conversation_id=conversation_id,
        question="",
        decision="escalate",
        confidence=0.0,
        reasons=["nothing_asked"],
        kind="none",
        text="",
        citations=[],
        model="",
        index_revision=revision,
        release=release,
        usage=Usage(),
        timings_ms=Timings(),
        suggested_labels=[],
        handoff_summary=None,
        questions=[],
        version=version,
    )


def never_over_a_person(result: TicketResult, standing: Standing) -> TicketResult:
    """`reply` stays only where the ticket may be replied to, is nobody's, and is as it was."""
    against: list[TicketReason] = []
    if standing.mode == "draft":
        against.append("draft_mode")
    if standing.assigned:
        against.append("assigned")
    if standing.changed:
        against.append("changed")
    if result.decision != "reply" or not against:
        return result
    return result.model_copy(update={"decision": "draft", "reasons": [*result.reasons, *against]})


def handoff_summary(result: TicketResult, subject: str, product_version: str, terms: Sequence[str]) -> str:
    """What a person should know who takes the ticket over: what is asked, why it came to them, what was found."""
    lines = []
    asked = [_one_line(one.asked) for one in result.questions] or [_one_line(subject)]
    if any(asked):
        lines.append("Asked: " + " / ".join(filter(None, asked)))
    if product_version:
        lines.append(f"Product version: {product_version}")
    if terms:
        lines.append("Errors and commands: " + "; ".join(_one_line(term) for term in terms[:5]))
    lines.append("Why: " + "; ".join(_WORDS.get(reason, reason) for reason in result.reasons) + ".")
    found = list(dict.fromkeys((cited.title, cited.url) for cited in result.citations))[:_SUMMARY_CITATIONS]
    if found:
        lines.append("Closest in the documentation: " + "; ".join(f"{title} ({url})" for title, url in found))
    return "\n".join(lines)


def _part(one: QuestionAnswer, offset: int, *, alone: bool) -> str:
    text = _MARKER.sub(lambda found: f"[{int(found[1]) + offset}]", one.answer.text)
    if alone:
        return text
    return f"> {_one_line(one.asked)}\n\n{text}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _decision(answers: Sequence[Answer]) -> Decision:
    decisions = {answer.decision for answer in answers}
    if decisions == {"escalate"}:
        return "escalate"
    return "reply" if decisions == {"reply"} else "draft"


def _kind(answers: Sequence[Answer]) -> Kind:
    kinds = {answer.kind for answer in answers}
    if "generated" in kinds:
        return "generated"
    return "extractive" if "extractive" in kinds else "none"


def _timings(answers: Sequence[Answer]) -> Timings:
    """Of the questions one after the other; the first words are those of the first question."""
    return Timings(
        retrieve=round(sum(answer.timings_ms.retrieve for answer in answers), 1),
        first_token=answers[0].timings_ms.first_token,
        first_sentence=answers[0].timings_ms.first_sentence,
        total=round(sum(answer.timings_ms.total for answer in answers), 1),
    )
