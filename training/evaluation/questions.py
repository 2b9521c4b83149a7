"""Labelled questions: a JSONL file, or a CSV file, of what is asked and what the right answer stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from training.errors import SourceError
from training.rows import read_rows
from training.schema.data import Rows

Kind = Literal["answerable", "unanswerable", "off_topic"]
KINDS: tuple[Kind, ...] = ("answerable", "unanswerable", "off_topic")


@dataclass(frozen=True, slots=True)
class Question:
    """files: pages that hold the answer, each by itself, relative to the docs. reference: a right answer, or ''."""

    id: str
    question: str
    files: tuple[str, ...]
    kind: Kind
    reference: str = ""

    @property
    def answerable(self) -> bool:
        return self.kind == "answerable"


def read_questions(path: Path) -> list[Question]:
    """Rows of `question`, with `files` (or `source`), `kind`, `reference` and `id` where they are known.

    A row without `kind` is answerable where it names a file. Raises SourceError with the row of what cannot be used.
    """
    questions = [_question(path, number, row) for number, row in enumerate(read_rows(Rows(path=str(path))), start=1)]
    if not questions:
        raise SourceError(f"{path} has no questions")
    return questions


def _question(path: Path, number: int, row: Mapping[str, Any]) -> Question:
    text = row.get("question")
    if not isinstance(text, str) or not text.strip():
        raise SourceError(f"{path}: row {number} has no question")
    named = row.get("files") or row.get("source") or []
    if not isinstance(named, str | list):
        raise SourceError(f"{path}: row {number}: files is {named!r}, and no list of pages")
    files = tuple(named.split(";")) if isinstance(named, str) else tuple(map(str, named))
    kind = row.get("kind") or ("answerable" if files else "unanswerable")
    if kind not in KINDS:
        raise SourceError(f"{path}: row {number}: kind is {kind!r}, and not one of {', '.join(KINDS)}")
    if kind == "answerable" and not files:
        raise SourceError(f"{path}: row {number} is answerable, and names no file that holds the answer")
    return Question(
        str(row.get("id") or number), text.strip(), files, cast("Kind", kind), str(row.get("reference") or "")
    )
