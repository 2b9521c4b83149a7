"""Tickets of Discourse with a decision."""

from __future__ import annotations

from datetime import UTC, datetime

from app.answering.answer import Citation, Decision, Timings, Usage
from app.tickets.schemas import Mode, TicketResponse, TicketResult

ANSWER_ID = "ans_0123456789abcdef01234567"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def decided(
    decision: Decision = "reply", mode: Mode = "auto", *, channel: str = "discourse", subject: str = "The lamp flickers"
) -> TicketResponse:
    result = TicketResult(
        id=ANSWER_ID,
        conversation_id="",
        question="The lamp flickers. What can I do?",
        decision=decision,
        confidence=0.83,
        reasons=[] if decision == "reply" else ["low_confidence"],
        kind="generated",
        text="Plug the cable into the wall plug. [1]",
        citations=[
            Citation(
                marker=1,
                chunk_id="c1",
                title="Questions",
                heading_path=["Why does the lamp flicker?"],
                url="https://docs.example.org/faq#flicker",
                quote="Plug the cable into the wall plug.",
                score=0.9,
            )
        ],
        model="m",
        index_revision="r1",
        usage=Usage(),
        timings_ms=Timings(),
        suggested_labels=[],
        handoff_summary="The lamp flickers at a hub." if decision == "escalate" else None,
        questions=[],
        version=1,
    )
    return TicketResponse(
        id="tkt_0123456789abcdef01234567",
        external_id="t123",
        channel=channel,
        state="escalated" if decision == "escalate" else "answered",
        version=1,
        mode=mode,
        subject=subject,
        requester="u48",
        assignee="",
        labels=[],
        product_version="",
        locale="",
        attachments=[],
        callback_url=None,
        messages=[],
        result=result,
        outcome=None,
        error=None,
        job_id=None,
        created_at=NOON,
        updated_at=NOON,
        finished_at=NOON,
    )
