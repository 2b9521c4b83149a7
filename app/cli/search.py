"""docent search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import print_json, read_questions
from app.cli.remote import running_service
from app.config import Settings, load_settings
from app.runtime import open_core
from app.sources.service import SourcesService


def search(
    question: Annotated[str | None, typer.Argument(help="What to search for.")] = None,
    queries: Annotated[Path | None, typer.Option("--queries", help="File with a question a line, - for stdin.")] = None,
    limit: Annotated[int, typer.Option("-k", min=1, max=100, help="Results a question.")] = 5,
    explain: Annotated[bool, typer.Option("--explain", help="Rank and score of every stage.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a question.")] = False,
) -> None:
    """Find passages, without a model's answer."""
    settings = load_settings()
    asked = read_questions(question, queries, "--queries")
    with running_service(settings) as remote:
        if remote is not None:
            for text in asked:
                _print(remote.search(text, limit, explain), as_json)
        else:
            asyncio.run(_search(settings, asked, limit, explain, as_json))


async def _search(settings: Settings, asked: Sequence[str], limit: int, explain: bool, as_json: bool) -> None:
    async for found in _results(settings, asked, limit, explain):
        _print(found, as_json)


async def _results(
    settings: Settings, asked: Sequence[str], limit: int, explain: bool
) -> AsyncIterator[dict[str, Any]]:
    async with open_core(settings) as core:
        service = SourcesService(core.catalog, core.library, core.indexer)
        for text in asked:
            yield (await service.search(text, limit, explain)).model_dump(mode="json")


def _print(found: dict[str, Any], as_json: bool) -> None:
    results = found["results"]
    for hit in results:
        if hit["explain"] is None:
            del hit["explain"]
    if as_json:
        print_json(found)
        return
    typer.echo(found["question"])
    for number, hit in enumerate(results, start=1):
        place = " > ".join([hit["path"], *hit["heading_path"]])
        typer.echo(f"\n{number}. {place}  ({hit['score']:.4f})\n   {hit['url']}")
        if "explain" in hit:
            stages = {name: hit["explain"][name] for name in ("dense", "sparse", "fused", "rerank")}
            typer.echo(f"   {stages}")
        typer.echo("   " + hit["text"].replace("\n", "\n   "))
    typer.echo("")
