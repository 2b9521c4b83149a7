"""The labelled file: a JSON object a line, with a person's label or with what a right answer has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.errors import InvalidInput


class Label(BaseModel):
    """One line. Other fields are let through, so that an Answer with `correct` added is a label, too.

    With `correct` (a person's word on the answer of that `confidence`) no model is asked; `decision`, `kind` and
    `reasons` then say whether that answer could be sent at all. Without it the question is asked, and `answerable`
    with `sources` and `must_contain` judges. evidence: of retrieval, for the choice of the answerable threshold.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    line: int = 0
    question: str
    correct: bool | None = None
    confidence: float | None = Field(None, ge=0, le=1)
    decision: str = ""
    kind: str = ""
    reasons: Sequence[str] = ()
    evidence: float | None = Field(None, ge=0, le=1)
    answerable: bool | None = None
    sources: Sequence[str] = ()
    must_contain: Sequence[str] = ()

    @field_validator("question")
    @classmethod
    def _asks(cls, question: str) -> str:
        if not question.strip():
            raise ValueError("is empty")
        return question.strip()

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if self.correct is not None:
            if self.confidence is None:
                raise ValueError("`correct` needs the `confidence` of the answer that it judges")
        elif self.answerable is None:
            raise ValueError("it has neither `correct` with `confidence`, nor `answerable`")
        elif self.answerable and not (self.sources or self.must_contain):
            raise ValueError("an answerable question without `correct` needs `sources` or `must_contain` to be judged")
        return self

    @property
    def is_asked(self) -> bool:
        return self.correct is None


def read_labels(path: Path) -> list[Label]:
    """The labels of a file. Raises InvalidInput with the number of the line that is none."""
    labels = [_label(path, number, text) for number, text in numbered_lines(path)]
    if not labels:
        raise InvalidInput(f"{path} holds no labelled question")
    return labels


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines with something in them, counted from 1. Raises InvalidInput when the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    # Not splitlines(): JSON may hold other line separators of Unicode as they are.
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def problem_of(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    first = error.errors()[0]
    said = str(first["ctx"]["error"]) if first["type"] == "value_error" else str(first["msg"])
    name = ".".join(str(part) for part in first["loc"])
    return f"`{name}`: {said}" if name else said


def _label(path: Path, number: int, text: str) -> Label:
    try:
        return Label.model_validate_json(text).model_copy(update={"line": number})
    except ValidationError as error:
        raise InvalidInput(f"{path}, line {number}: {problem_of(error)}") from error
