"""docent migrate, docent trace."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from app.cli.output import print_json
from app.config import Settings, load_settings


def migrate() -> None:
    """Bring the database to the newest schema. `docent serve` does it at its start, too."""
    from app.db import open_database  # noqa: PLC0415  (see app.cli.docent)

    async def run(settings: Settings) -> None:
        database = open_database(settings)
        try:
            await database.migrate()
        finally:
            await database.close()

    asyncio.run(run(load_settings()))
    typer.echo("The database is at the newest schema.")


def trace(
    answer_id: Annotated[str, typer.Argument(help="As in an Answer's id: ans_…")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """How an answer came about, stage by stage."""
    from app.chat.repository import read_trace  # noqa: PLC0415
    from app.db import open_database  # noqa: PLC0415

    async def run(settings: Settings) -> dict[str, Any]:
        database = open_database(settings)
        try:
            await database.migrate()
            return await read_trace(database, answer_id)
        finally:
            await database.close()

    found = asyncio.run(run(load_settings()))
    if as_json:
        print_json(found)
        return
    for stage, content in found["stages"].items():
        typer.echo(f"── {stage}")
        typer.echo(content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False))
    typer.echo("── answer")
    typer.echo(json.dumps(found["answer"], indent=2, ensure_ascii=False))
