"""docent migrate, docent trace, and the door to the database for the commands that need nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.output import print_json
from app.config import load_settings

if TYPE_CHECKING:
    from app.db import Database

Found = TypeVar("Found")


def on_database(work: Callable[[Database], Awaitable[Found]]) -> Found:
    """What `work` finds or does in the database, which is at the newest schema. A running service may use it, too."""
    from app.db import open_database  # noqa: PLC0415  (see app.cli.docent)

    async def run() -> Found:
        database = open_database(load_settings())
        try:
            await database.migrate()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def migrate() -> None:
    """Bring the database to the newest schema. `docent serve` does it at its start, too."""

    async def nothing_more(_: Database) -> None:
        return

    on_database(nothing_more)
    typer.echo("The database is at the newest schema.")


def trace(
    answer_id: Annotated[str, typer.Argument(help="As in an Answer's id: ans_…")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """How an answer came about, stage by stage."""
    from app.conversations.repository import read_trace  # noqa: PLC0415

    found: dict[str, Any] = on_database(lambda database: read_trace(database, answer_id))
    if as_json:
        print_json(found)
        return
    for stage, content in found["stages"].items():
        typer.echo(f"── {stage}")
        typer.echo(content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False))
    typer.echo("── answer")
    typer.echo(json.dumps(found["answer"], indent=2, ensure_ascii=False))
