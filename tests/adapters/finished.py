"""Tickets with their result, as they are handed to publishers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.answering.answer import Citation, Timings, Usage
from app.tickets.schemas import TicketError, TicketMessage, TicketResponse, TicketResult

ANSWER_ID = "ans_0123456789abcdef01234567"
ASKED_AT = datetime(2026, 11, 3, 12, 30, 17, tzinfo=UTC)


def citation(**changes: Any) -> Citation:
    values = {
        "marker": 1,
        "chunk_id": "chk_1",
        "title": "Brightness",
        "heading_path": ["Brightness", "Dim at night"],
        "url": "https://docs.lumen.example/guide/brightness#dim-at-night",
        "quote": "The key `night.level` in lumen.toml is the brightness after sunset.",
        "score": 0.9,
    }
    return Citation(**(values | changes))


def result(**changes: Any) -> TicketResult:
    values = {
        "id": ANSWER_ID,
        "conversation_id": "cnv_1",
        "question": "Which key sets the brightness after sunset?",
        "decision": "reply",
        "confidence": 0.83,
        "reasons": [],
        "kind": "generated",
        "text": "Set `night.level` in lumen.toml. [1]",
        "citations": [citation()],
        "model": "scripted",
        "index_revision": "rev_1",
        "usage": Usage(),
        "timings_ms": Timings(),
        "suggested_labels": [],
        "handoff_summary": None,
        "questions": [],
        "version": 1,
    }
    return TicketResult(**(values | changes))


def finished(answer: TicketResult | None, **changes: Any) -> TicketResponse:
    values = {
        "id": "tkt_0123456789abcdef01234567",
        "external_id": "35436",
        "channel": "zendesk",
        "state": "answered",
        "version": 1,
        "mode": "auto",
        "subject": "Too bright at night",
        "requester": "20978392",
        "assignee": "",
        "labels": [],
        "product_version": "",
        "locale": "",
        "attachments": [],
        "callback_url": None,
        "messages": [TicketMessage(role="requester", body="Too bright.", format="text", created_at=ASKED_AT)],
        "result": answer,
        "outcome": None,
        "error": None,
        "job_id": None,
        "created_at": ASKED_AT,
        "updated_at": ASKED_AT,
        "finished_at": ASKED_AT,
    }
    return TicketResponse(**(values | changes))


def failed() -> TicketResponse:
    error = TicketError(kind="engine-unavailable", detail="The model is not available")
    return finished(None, state="failed", error=error)
