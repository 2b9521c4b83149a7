"""Labelled questions from tickets with outcomes: what was sent is the reference, the pages it cites are right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from training.corpus import read_chunks
from training.errors import SourceError
from training.rows import read_rows
from training.schema.data import Rows


class _Citation(BaseModel):
    chunk_id: str = ""


class _Result(BaseModel):
    question: str
    text: str
    questions: list[Any] = []
    citations: list[_Citation] = []


class _Outcome(BaseModel):
    outcome: str
    text: str | None = None


class _Ticket(BaseModel):
    id: str = ""
    result: _Result | None = None
    outcome: _Outcome | None = None


def questions_of_tickets(path: Path, docs: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Labelled questions of tickets as the API gives them: what was sent is the reference, its cited pages the files.

    A ticket whose answer was thrown away without another is unanswerable by the docs as far as anybody knows, and left
    out. Raises SourceError for a line that is no ticket.
    """
    pages = {chunk.id: chunk.path for chunk in read_chunks(docs)}
    counts: dict[str, int] = {"questions": 0}
    found = []
    for number, row in enumerate(read_rows(Rows(path=str(path))), start=1):
        try:
            ticket = _Ticket.model_validate(row)
        except ValidationError as error:
            raise SourceError(f"{path}: row {number} is no ticket of the tickets API") from error
        question = _labelled(ticket, number, pages)
        if isinstance(question, str):
            counts[question] = counts.get(question, 0) + 1
        else:
            counts["questions"] += 1
            found.append(question)
    return found, counts


def _labelled(ticket: _Ticket, number: int, pages: Mapping[str, str]) -> dict[str, Any] | str:
    """Or in a few words why there is none."""
    result, outcome = ticket.result, ticket.outcome
    if result is None or outcome is None:
        return "no outcome yet"
    if len(result.questions) > 1:
        return "several questions"
    sent = result.text if outcome.outcome == "accepted" else (outcome.text or "")
    if not sent.strip():
        return "what was sent is not known"
    files = sorted({pages[one.chunk_id] for one in result.citations if one.chunk_id in pages})
    if not files:
        return "it cites no page that the docs still have"
    return {
        "id": ticket.id or str(number),
        "question": result.question.strip(),
        "files": files,
        "kind": "answerable",
        "reference": sent.strip(),
    }


def write_questions(path: Path, questions: Sequence[Mapping[str, Any]]) -> None:
    if path.exists():
        raise SourceError(f"{path} is there already: take another --out")
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in questions), encoding="utf-8")
