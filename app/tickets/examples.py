"""Examples for the API's description: what the ticket routes give."""

from __future__ import annotations

from typing import Any

_CITATION: dict[str, Any] = {
    "marker": 1,
    "chunk_id": "6d1f0b7c2a94e853",
    "title": "Files",
    "heading_path": ["Files", "Logs"],
    "url": "https://docs.example.org/files/#logs",
    "quote": "The service writes its log files to /var/log/lumen.",
    "score": 0.94,
}
_ANSWER: dict[str, Any] = {
    "id": "ans_5f0c9e1b7a2d4c6e8f013579",
    "conversation_id": "conv_0a1b2c3d4e5f60718293a4b5",
    "question": "Where are the log files?",
    "decision": "draft",
    "confidence": 0.81,
    "reasons": [],
    "kind": "generated",
    "text": "The service writes its log files to /var/log/lumen. [1]",
    "citations": [_CITATION],
    "model": "SmolLM2-135M-Instruct",
    "index_revision": "rev_20261122_090000",
    "release": None,
    "usage": {"prompt_tokens": 412, "completion_tokens": 18},
    "timings_ms": {"retrieve": 22.0, "first_token": 190.5, "first_sentence": 420.1, "total": 830.2},
}
TICKET: dict[str, Any] = {
    "id": "tkt_0a1b2c3d4e5f60718293a4b5",
    "external_id": "4711",
    "channel": "helpdesk",
    "state": "answered",
    "version": 1,
    "mode": "draft",
    "subject": "Where are the log files?",
    "requester": "customer-83",
    "assignee": "",
    "labels": ["logging"],
    "product_version": "",
    "locale": "",
    "attachments": [],
    "callback_url": None,
    "messages": [
        {
            "role": "requester",
            "body": "Hello,\n\nwhere does the service write its log files?",
            "format": "text",
            "created_at": "2026-11-22T17:25:58Z",
        }
    ],
    "result": {
        **_ANSWER,
        "reasons": ["draft_mode"],
        "suggested_labels": ["logging"],
        "handoff_summary": None,
        "questions": [{"asked": "where does the service write its log files?", "answer": _ANSWER}],
        "version": 1,
    },
    "outcome": None,
    "error": None,
    "job_id": "job_5f0c9e1b7a2d4c6e8f013579",
    "created_at": "2026-11-22T17:25:58Z",
    "updated_at": "2026-11-22T17:26:02Z",
    "finished_at": "2026-11-22T17:26:02Z",
}
QUEUED: dict[str, Any] = {
    **TICKET,
    "state": "queued",
    "result": None,
    "updated_at": "2026-11-22T17:25:58Z",
    "finished_at": None,
}
OUTCOME: dict[str, Any] = {
    "outcome": "edited",
    "text": "They are in /var/log/lumen.",
    "by": "agent-7",
    "edit_distance": 0.42,
    "created_at": "2026-11-22T17:40:00Z",
}
PAGE: dict[str, Any] = {
    "tickets": [
        {
            "id": TICKET["id"],
            "external_id": "4711",
            "channel": "helpdesk",
            "state": "answered",
            "subject": "Where are the log files?",
            "decision": "draft",
            "confidence": 0.81,
            "created_at": "2026-11-22T17:25:58Z",
            "updated_at": "2026-11-22T17:26:02Z",
        }
    ],
    "next_cursor": None,
}


def example(value: dict[str, Any]) -> dict[str, Any]:
    """`value` as the body of a response that is described."""
    return {"content": {"application/json": {"example": value}}}
