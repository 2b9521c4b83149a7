"""How commands speak: JSON lines on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.errors import InvalidInput

stderr = Console(stderr=True)


def print_json(value: Any) -> None:  # noqa: ANN401  (whatever JSON knows)
    """One line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def read_questions(question: str | None, file: Path | None, option: str) -> list[str]:
    """The one question given, or a question a line of `file` ('-' is stdin). Exactly one of both has to be given."""
    if (question is None) == (file is None):
        raise InvalidInput(f"give a question, or {option} FILE with a question a line")
    if question is not None:
        return [_sound(question, "the question")]
    assert file is not None  # noqa: S101  (for the type checker)
    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{option} {file} cannot be read: {error}") from error
    questions = [line.strip() for line in text.splitlines() if line.strip()]
    questions = [_sound(one, f"{option} {file}") for one in questions]
    if not questions:
        raise InvalidInput(f"{option} {file} holds no question")
    return questions


_LABELS = {"fetch": "Fetching", "read": "Reading", "embed": "Embedding", "check": "Checking"}


def _sound(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{where} is not UTF-8: check the terminal's encoding") from error
    return text


class IndexProgress:
    """A bar a phase."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def show(self, phase: str, done: int, total: int, item: str, **_counts: object) -> None:
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(_LABELS.get(phase, phase), total=total, item="")
        self._progress.update(self._tasks[phase], completed=done, total=total, item=item)


@contextmanager
def index_progress() -> Iterator[IndexProgress]:
    """Bars on stderr while the block runs; nothing when stderr is no terminal."""
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]{task.fields[item]}"),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        yield IndexProgress(progress)
