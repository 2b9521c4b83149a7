"""The labelled tickets, and what the three steps make of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.tickets.text.clean import CleanBody, clean_body
from app.tickets.text.folding import Folded, fold
from app.tickets.text.questions import TicketQuestion, questions

DATA = Path(__file__).parents[2] / "data" / "tickets.jsonl"


@dataclass(frozen=True)
class Ticket:
    """expect: `asked` (questions), `cuts` (reasons), `kinds` (of blocks), and where given `text`, `terms`, `lacks`."""

    id: str
    category: str
    subject: str
    content_type: Any
    body: str
    expect: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    clean: CleanBody
    folded: Folded
    questions: tuple[TicketQuestion, ...]

    @property
    def terms(self) -> set[str]:
        return {term for question in self.questions for term in question.query_terms}


TICKETS = [Ticket(**json.loads(line)) for line in DATA.read_text("utf-8").splitlines()]


def outcome(subject: str, body: str, content_type: Any = "text") -> Outcome:
    clean = clean_body(body, content_type)
    folded = fold(clean.text)
    return Outcome(clean, folded, questions(subject, folded.text, folded.blocks))


def differences(ticket: Ticket) -> dict[str, tuple[Any, Any]]:
    """What came out otherwise than labelled, by aspect: (wanted, found)."""
    found, expect = outcome(ticket.subject, ticket.body, ticket.content_type), ticket.expect
    pairs = {
        "asked": (expect["asked"], [question.asked for question in found.questions]),
        "cuts": (expect["cuts"], sorted({cut.reason for cut in found.clean.cuts})),
        "kinds": (expect["kinds"], [block.kind for block in found.folded.blocks]),
        "text": (expect.get("text", found.clean.text), found.clean.text),
    }
    wrong = {aspect: (wanted, got) for aspect, (wanted, got) in pairs.items() if wanted != got}
    missing = [term for term in expect.get("terms", []) if term not in found.terms]
    leaked = [part for part in expect.get("lacks", []) if any(part in term for term in found.terms)]
    return {**wrong, **({"terms": (missing or leaked, sorted(found.terms))} if missing or leaked else {})}
