"""The answers that labelled questions got, kept in a file so that a run that is cut off costs one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.calibration.labels import numbered_lines, problem_of
from app.errors import InvalidInput


class MadeAnswer(BaseModel):
    """What of an Answer is needed here, and two things of its trace. Further fields of a line are let through.

    evidence: of retrieval. pages: paths of the documents it cites. Both None where the trace was not read yet.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    id: str
    question: str
    decision: str
    confidence: float = Field(ge=0, le=1)
    kind: str
    reasons: Sequence[str]
    text: str
    model: str
    index_revision: str
    evidence: float | None = None
    pages: Sequence[str] | None = None


def with_trace(answer: dict[str, Any], stages: dict[str, Any]) -> dict[str, Any]:
    """The Answer with `evidence` and `pages` from the stages of its trace."""
    paths = {one["chunk_id"]: one["path"] for one in stages["retrieval"]["candidates"]}
    cited = [paths[one["chunk_id"]] for one in answer["citations"] if one["chunk_id"] in paths]
    return {**answer, "evidence": stages["evidence"]["probability"], "pages": list(dict.fromkeys(cited))}


class AnswersFile:
    """Answers by question, a JSON line each; in memory only without a path."""

    def __init__(self, path: Path | None) -> None:
        """Raises InvalidInput when the file cannot be read, or holds a line that is no answer."""
        self._path = path
        self._lines: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self._read(path)

    def __contains__(self, question: str) -> bool:
        return question in self._lines

    def answer(self, question: str) -> MadeAnswer:
        return MadeAnswer.model_validate(self._lines[question])

    def complete(self, question: str, stages: dict[str, Any]) -> None:
        """Take from the trace what a line of the file lacks; the file stays as it is."""
        self._lines[question] = with_trace(self._lines[question], stages)

    def add(self, question: str, answer: dict[str, Any]) -> None:
        """Keep an answer under the question as it was labelled; it is in the file when this returns.

        One that was made without the model is not, so that the next run asks again.
        """
        self._lines[question] = {**answer, "question": question}
        if self._path is None or "engine_unavailable" in answer["reasons"]:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self._lines[question], ensure_ascii=False) + "\n")
        except OSError as error:
            raise InvalidInput(f"{self._path} cannot be written: {error}") from error

    def _read(self, path: Path) -> None:
        _mend_end(path)
        for number, text in numbered_lines(path):
            try:
                answer = MadeAnswer.model_validate_json(text)
            except ValidationError as error:
                raise InvalidInput(f"{path}, line {number} is no answer: {problem_of(error)}") from error
            self._lines[answer.question] = json.loads(text)


def _mend_end(path: Path) -> None:
    """Cut off the half line of a run that was killed while it wrote: its question is asked again."""
    try:
        whole = path.read_bytes()
        start = whole.rfind(b"\n") + 1
        if start == len(whole):
            return
        try:
            json.loads(whole[start:])
        except ValueError:
            if whole.startswith(b"{", start):  # else it was never a line of answers, and is for the reader to refuse
                path.write_bytes(whole[:start])
        else:
            path.write_bytes(whole + b"\n")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
