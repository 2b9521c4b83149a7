"""`docent feedback` and `docent escalations`: what visitors left, newest first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from app.config import Settings
from app.db import Database
from app.models import Conversation, Escalation, Feedback, StoredAnswer
from tests.chat.visiting import on_database
from tests.cli.conftest import Run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _write(database: Database) -> None:
    """Two conversations, each with a rated answer and a call for a person, a minute apart."""
    for at, (question, rating, comment) in enumerate((("How?", "up", ""), ("Why not?", "down", "It is\nwrong."))):
        conversation, answer, moment = f"conv_{at}", f"ans_{at}", NOON + timedelta(minutes=at)
        async with database.transaction() as session:
            session.add(Conversation(id=conversation, owner="session:1"))
            await session.flush()
            session.add(
                StoredAnswer(
                    id=answer,
                    conversation_id=conversation,
                    decision="reply",
                    confidence=1.0,
                    index_revision="r",
                    model="m",
                    body={"question": question},
                    stream=[],
                )
            )
            await session.flush()
            session.add(Feedback(answer_id=answer, rating=rating, comment=comment, updated_at=moment))
            session.add(
                Escalation(
                    id=f"esc_{at}",
                    conversation_id=conversation,
                    contact="me@example.org" if at else "",
                    message="Call me." if at else "",
                    transcript=[{"role": "user", "content": question}, {"role": "assistant", "content": "So."}],
                    created_at=moment,
                )
            )


def test_nothing_yet(run: Run) -> None:
    for command in ("feedback", "escalations"):
        for arguments in ((command,), (command, "--json")):
            done = run(*arguments)
            assert (done.code, done.out, done.err) == (0, "", "")


def test_feedback(run: Run, settings: Settings) -> None:
    on_database(settings.data_dir, _write)
    lines = [json.loads(line) for line in run("feedback", "--json").out.splitlines()]
    assert lines == [
        {
            "answer_id": "ans_1",
            "rating": "down",
            "comment": "It is\nwrong.",
            "updated_at": "2026-03-01T12:01:00+00:00",
            "question": "Why not?",
            "decision": "reply",
        },
        {
            "answer_id": "ans_0",
            "rating": "up",
            "comment": "",
            "updated_at": "2026-03-01T12:00:00+00:00",
            "question": "How?",
            "decision": "reply",
        },
    ]
    text = run("feedback").out
    assert text.startswith("2026-03-01T12:01:00+00:00  down ans_1  Why not?\n    It is\n")
    assert text.endswith("2026-03-01T12:00:00+00:00  up   ans_0  How?\n")


def test_escalations(run: Run, settings: Settings) -> None:
    on_database(settings.data_dir, _write)
    newest, oldest = (json.loads(line) for line in run("escalations", "--json").out.splitlines())
    assert newest == {
        "id": "esc_1",
        "conversation_id": "conv_1",
        "created_at": "2026-03-01T12:01:00+00:00",
        "contact": "me@example.org",
        "message": "Call me.",
        "transcript": [{"role": "user", "content": "Why not?"}, {"role": "assistant", "content": "So."}],
    }
    assert oldest["id"] == "esc_0"
    assert run("escalations").out == (
        "── esc_1  2026-03-01T12:01:00+00:00  me@example.org\n"
        "  Call me.\n"
        "  user:\n    Why not?\n"
        "  assistant:\n    So.\n"
        "── esc_0  2026-03-01T12:00:00+00:00  (no contact left)\n"
        "  user:\n    How?\n"
        "  assistant:\n    So.\n"
    )
