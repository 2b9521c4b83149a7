"""What the pages show: rows of every kind, with markup wherever strangers put text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.db import Database, utc_now
from app.models.callback import Callback, CallbackAttempt
from app.models.conversation import Conversation, StoredAnswer, Trace
from app.models.feedback import Feedback
from app.models.job import Job
from app.models.ticket import Ticket, TicketMessage, TicketOutcome

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}"
ANSWER, TICKET, CALLBACK = f"ans_{'a' * 24}", f"tkt_{'b' * 24}", f"msg_{'c' * 24}"
RUNNING, QUEUED, FAILED, DRY, DONE = "job_running", "job_queued", "job_failed", "job_dry", "job_done"
OLDER = 55  # answers besides the one named: more than a page of them
QUOTE = "The server listens on port 7070 by default."
_SECTION = {"source": "guide", "path": f"start-{HOSTILE}.md", "heading_path": ["Start", HOSTILE]}
REPORT: dict[str, Any] = {
    "revision": "20261122-1", "sources": ["guide"], "files": 120, "sections": 800, "chunks": 1201, "embedded": 31,
    "deleted": 4, "unchanged": 110, "seconds": 83.2, "dry_run": None,
    "skipped": [{"path": f"{HOSTILE}.md", "reason": "it is not text", "source": "guide"}],
    "failed_sources": [{"source": "api", "reason": f"no answer {HOSTILE}"}],
}  # fmt: skip
COMPARISON: dict[str, Any] = {
    "added": [_SECTION], "changed": [_SECTION, _SECTION], "removed": [], "refused": [f"too much is gone {HOSTILE}"],
    "broken_citations": [{"answer_id": ANSWER, "url": "/start", "heading_path": [HOSTILE], "quote": HOSTILE}],
    "probes": [
        {
            "source": "guide", "question": f"Which port? {HOSTILE}", "path": "start.md", "found_before": True,
            "found_after": False, "top_before": ["start.md"], "top_after": ["other.md"],
        }
    ],
    "breaks": True,
}  # fmt: skip
STAGES: dict[str, Any] = {
    "ticket": {"ticket": TICKET, "asked": HOSTILE, "terms": ["7070"], "cut": ["signature"]},
    "plan": {"question": HOSTILE, "query": f"port {HOSTILE}", "condensed_by": "model", "rewrite": HOSTILE},
    "retrieval": {
        "query": "port",
        "revision": "20261122-1",
        "timings_ms": {"embed": 12.1, "search": 3.4},
        "candidates": [
            {
                "chunk_id": "chunk-1", "path": f"{HOSTILE}.md", "heading_path": ["Start", "Start the server"],
                "dense": {"rank": 1, "score": 0.7123}, "sparse": None, "fused": 0.0164, "rerank": 0.9,
            },
            {
                "chunk_id": "chunk-2", "path": "logs.md", "heading_path": [],
                "dense": None, "sparse": {"rank": 1, "score": 7.25}, "fused": 0.0161, "rerank": None,
            },
        ],
    },
    "evidence": {"probability": 0.91, "closeness": 0.7},
    "prompt": {"version": 3, "messages": [["system", "Answer."], ["user", f"</pre>{HOSTILE}"]]},
    "raw_output": f"</pre>{HOSTILE}",
    "segments": [
        {"kind": "sentence", "text": QUOTE, "shown": True, "score": 0.93, "problem": "", "quote": QUOTE},
        {"kind": "item", "text": HOSTILE, "shown": False, "score": 0.1, "problem": "no passage says so", "quote": ""},
    ],
    "engine_error": f"it broke off {HOSTILE}",
    "timings_ms": {"retrieve": 15.5, "total": 612.9},
}  # fmt: skip


def answer_body(answer_id: str, question: str, decision: str) -> dict[str, Any]:
    return {
        "id": answer_id, "conversation_id": "conv_1", "question": question, "decision": decision, "confidence": 0.83,
        "reasons": [] if decision == "reply" else ["low_confidence"], "kind": "generated",
        "text": f"{QUOTE} [1] {HOSTILE}",
        "citations": [
            {
                "marker": 1, "chunk_id": "chunk-1", "title": HOSTILE, "heading_path": [HOSTILE],
                "url": "javascript:alert(1)", "quote": f"{QUOTE} {HOSTILE}", "score": 0.93,
            }
        ],
        "model": "small", "index_revision": "20261122-1", "usage": {"prompt_tokens": 1203, "completion_tokens": 44},
        "timings_ms": {"retrieve": 15.5, "first_token": 1.0, "first_sentence": 2.0, "total": 612.9},
    }  # fmt: skip


async def seed(database: Database) -> None:
    now = utc_now()
    named = answer_body(ANSWER, f"Which port? {HOSTILE}", "draft")
    async with database.transaction() as session:
        session.add_all(_jobs())
        session.add(Conversation(id="conv_1", owner=f"ticket:{TICKET}", site_id=None))
        session.add(Conversation(id="conv_2", owner="session:visitor", site_id=None))
        await session.flush()
        session.add(_stored(named, "conv_1", now))
        for number in range(OLDER):
            decision = "reply" if number % 2 else "escalate"
            body = answer_body(f"ans_{number:024}", f"Question number {number}", decision)
            session.add(_stored(body, "conv_2", now - timedelta(minutes=number // 2 + 1)))  # two of each moment
        await session.flush()
        session.add(Trace(answer_id=ANSWER, stages=STAGES))
        session.add(Feedback(answer_id=ANSWER, rating="down", comment=HOSTILE))
        session.add(_ticket(named))
        await session.flush()
        for position, role in enumerate(("requester", "agent"), start=1):
            session.add(
                TicketMessage(
                    ticket_id=TICKET, position=position, role=role, body=HOSTILE, format="html", client_id=None
                )
            )
        session.add(
            TicketOutcome(
                answer_id=ANSWER, ticket_id=TICKET, outcome="edited", text=HOSTILE, by=HOSTILE, edit_distance=0.4
            )
        )
        session.add(
            Callback(
                id=CALLBACK, ticket_id=TICKET, event="ticket.answered", url=f"https://127.0.0.1:9/{HOSTILE}",
                body=f'{{"text": "</pre>{HOSTILE.replace(chr(34), "")}"}}', state="failed", first_at=now,
            )
        )  # fmt: skip
        await session.flush()
        session.add(
            CallbackAttempt(
                callback_id=CALLBACK, number=1, started_at=now, duration_ms=1200, status=500, failure="status",
                excerpt=HOSTILE,
            )
        )  # fmt: skip


def _jobs() -> list[Job]:
    now = utc_now()
    over = {"started_at": now, "finished_at": now, "arguments": {}}
    progress = {
        "phase": "embed", "done": 412, "total": 1201, "item": f"{HOSTILE}.md", "changed": 31, "embedded": 412,
        "deleted": 4, "failed": 1, "rate": 9.4, "seconds_left": 84,
    }  # fmt: skip
    return [
        # Its next sign of life is far away, so that nobody takes it for one that hangs.
        Job(id=RUNNING, kind="reindex", subject=f"guide {HOSTILE}", arguments={}, state="running", enqueued=True,
            beat_at=now + timedelta(days=1), started_at=now, progress=progress),
        Job(id=QUEUED, kind="ticket", subject="tkt_none", arguments={}, due_at=now + timedelta(days=1)),
        Job(id=FAILED, kind="callback", subject=CALLBACK, state="failed",
            error={"kind": "job-failed", "detail": f"not delivered {HOSTILE}"}, **over),
        Job(id=DRY, kind="reindex", subject="all sources", state="succeeded",
            result={**REPORT, "dry_run": COMPARISON}, **over),
        Job(id=DONE, kind="reindex", subject="all sources", state="succeeded", result=REPORT, **over),
    ]  # fmt: skip


def _stored(body: dict[str, Any], conversation: str, created_at: Any) -> StoredAnswer:
    return StoredAnswer(
        id=body["id"], conversation_id=conversation, decision=body["decision"], confidence=body["confidence"],
        index_revision=body["index_revision"], model=body["model"], body=body, stream=[], created_at=created_at,
    )  # fmt: skip


def _ticket(answer: dict[str, Any]) -> Ticket:
    result = {
        **answer, "suggested_labels": [HOSTILE], "handoff_summary": HOSTILE, "version": 1, "reasons": ["draft_mode"],
        "questions": [{"asked": HOSTILE, "answer": answer}],
    }  # fmt: skip
    return Ticket(
        id=TICKET, external_id="4711", channel="helpdesk", owner="local", state="answered", mode="draft",
        subject=f"Where is the port? {HOSTILE}", requester=HOSTILE, assignee=HOSTILE, labels=[HOSTILE],
        product_version=HOSTILE, locale="en", attachments=[HOSTILE], callback_url=None, origin=None, request_hash="x",
        conversation_id="conv_1", job_id=FAILED, result=result, decision="draft", confidence=0.83, error=None,
        finished_at=utc_now(),
    )  # fmt: skip
