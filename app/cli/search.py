"""docent search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.docent import open_docent
from app.cli.output import print_json, read_questions
from app.config import load_settings


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
    with open_docent(settings) as docent:
        for text in asked:
            _print(docent.search(text, limit, explain), as_json)


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
