"""Examples for the API's description: what the chat's main routes give."""

from __future__ import annotations

import json
from typing import Any

from app.description import event_stream

ANSWER: dict[str, Any] = {
    "id": "ans_5f0c9e1b7a2d4c6e8f013579",
    "conversation_id": "conv_0a1b2c3d4e5f60718293a4b5",
    "question": "Which port does the server listen on?",
    "decision": "reply",
    "confidence": 0.83,
    "reasons": [],
    "kind": "generated",
    "text": "The server listens on port 7070 by default. [1]",
    "citations": [
        {
            "marker": 1,
            "chunk_id": "6d1f0b7c2a94e853",
            "title": "Start and stop",
            "heading_path": ["Start and stop", "Start the server"],
            "url": "https://docs.example.org/start/#start-the-server",
            "quote": "The server listens on port 7070 by default.",
            "score": 0.97,
        }
    ],
    "model": "SmolLM2-135M-Instruct",
    "index_revision": "rev_20261122_090000",
    "release": None,
    "usage": {"prompt_tokens": 412, "completion_tokens": 14},
    "timings_ms": {"retrieve": 21.4, "first_token": 180.2, "first_sentence": 402.9, "total": 655.0},
}
SESSION: dict[str, Any] = {"session": "vs.eyJzIjoi…", "expires_at": "2026-11-22T18:25:58Z"}


def _events() -> str:
    answer_id, delta, citation = ANSWER["id"], ANSWER["text"], ANSWER["citations"][0]
    started = {name: ANSWER[name] for name in ("id", "conversation_id", "question")}
    named = (
        ("answer.started", started),
        ("answer.delta", {"text": delta}),
        ("answer.citation", {"citation": citation}),
        ("answer.completed", {"answer": ANSWER}),
    )
    return "".join(
        f"event: {name}\nid: {answer_id}:{number}\ndata: {json.dumps(data)}\n\n"
        for number, (name, data) in enumerate(named, start=1)
    )


EVENTS = event_stream(
    "answer.started",
    "answer.delta",
    "answer.citation",
    "answer.completed",
    "answer.failed",
    example=_events(),
    numbered=True,
)
