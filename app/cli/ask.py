"""docent ask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.docent import open_chat
from app.cli.output import print_json, read_questions
from app.config import load_settings


def ask(
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="File with a question a line, - for stdin.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line, the Answer, a question.")] = False,
) -> None:
    """Answer questions from the index: by the running service, else by an engine started for it."""
    settings = load_settings()
    asked = read_questions(question, questions, "--questions")
    with open_chat(settings) as docent:
        for text in asked:
            _print(docent.ask(text), as_json)


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    typer.echo(answer["text"])
    for citation in answer["citations"]:
        place = " > ".join([citation["title"], *citation["heading_path"]])
        quote = "\n    ".join(citation["quote"].splitlines())
        typer.echo(f"\n[{citation['marker']}] {place}  {citation['url']}\n    “{quote}”")
    reasons = f" ({', '.join(answer['reasons'])})" if answer["reasons"] else ""
    typer.echo(
        f"\n{answer['decision']}{reasons}, confidence {answer['confidence']:.2f}, {answer['kind']}, "
        f"{answer['timings_ms']['total'] / 1000:.1f} s, trace {answer['id']}"
    )
