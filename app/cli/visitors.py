"""docent feedback, docent escalations: what visitors left. Their lines are indented, so that none looks like ours."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

import typer

from app.cli.database import on_database
from app.cli.output import print_json

AsJson = Annotated[bool, typer.Option("--json", help="A JSON object a line.")]


def feedback(as_json: AsJson = False) -> None:
    """Ratings of answers with their comments, newest first."""
    from app.chat.repository import read_feedback  # noqa: PLC0415  (see app.cli.docent)

    found: list[dict[str, Any]] = on_database(read_feedback)
    for one in found:
        if as_json:
            print_json(one)
        else:
            typer.echo(f"{one['updated_at']}  {one['rating']:<4} {one['answer_id']}  {one['question']}")
            if one["comment"]:
                typer.echo(textwrap.indent(one["comment"], "    "))


def escalations(as_json: AsJson = False) -> None:
    """Calls for a person with their transcripts, newest first."""
    from app.chat.repository import read_escalations  # noqa: PLC0415

    found: list[dict[str, Any]] = on_database(read_escalations)
    for one in found:
        if as_json:
            print_json(one)
            continue
        typer.echo(f"── {one['id']}  {one['created_at']}  {' '.join(one['contact'].split()) or '(no contact left)'}")
        if one["message"]:
            typer.echo(textwrap.indent(one["message"], "  "))
        for message in one["transcript"]:
            typer.echo(f"  {message['role']}:")
            typer.echo(textwrap.indent(message["content"], "    "))
