"""docent index, docent source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from app.cli.output import IndexProgress, index_progress, print_json
from app.cli.remote import running_service
from app.config import Settings, load_settings
from app.errors import InvalidInput
from app.index.indexer import IndexReport, Progress
from app.runtime import open_core
from app.sources.schemas import IndexBody
from app.sources.service import SourcesService

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a summary.")]

source_app = typer.Typer(help="List and delete what is indexed.", no_args_is_help=True)


def index(
    paths: Annotated[list[Path] | None, typer.Argument(help="Folders or files; none with --rebuild means all.")] = None,
    base_url: Annotated[str | None, typer.Option(help="URL of the docs' root, for links in citations.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Embed everything anew, all sources included.")] = False,
    as_json: Json = False,
) -> None:
    """Index folders of documentation; only what changed is read and embedded."""
    settings = load_settings()
    wanted = [path.expanduser().resolve() for path in paths or []]
    missing = next((path for path in wanted if not path.exists()), None)
    if missing is not None:
        raise InvalidInput(f"there is no file or folder {missing}")
    body = IndexBody(paths=wanted, base_url=base_url, rebuild=rebuild)
    with index_progress() as bars, running_service(settings) as remote:
        if remote is not None:
            report = remote.index(body.model_dump(mode="json"), lambda data: bars.show(**data))
        else:
            report = asyncio.run(_index(settings, body, bars)).model_dump(mode="json")
    _print_report(report, as_json)


@source_app.command("list")
def list_sources(as_json: Json = False) -> None:
    """Every source with its documents."""

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with open_core(settings) as core:
            service = SourcesService(core.catalog, core.library, core.indexer)
            return [source.model_dump() for source in await service.sources()]

    sources = asyncio.run(run(load_settings()))
    if as_json:
        print_json(sources)
        return
    for source in sources:
        typer.echo(f"{source['name']}\t{source['documents']} documents\t{source['location']}\t{source['base_url']}")
    if not sources:
        typer.echo("nothing is indexed yet: run `docent index PATH`", err=True)


@source_app.command("delete")
def delete_source(name: str, as_json: Json = False) -> None:
    """Take a source and all its documents out of the index."""
    settings = load_settings()
    with index_progress() as bars, running_service(settings) as remote:
        if remote is not None:
            report = remote.remove(name, lambda data: bars.show(**data))
        else:
            report = asyncio.run(_delete(settings, name, bars)).model_dump(mode="json")
    _print_report(report, as_json)


async def _index(settings: Settings, body: IndexBody, bars: IndexProgress) -> IndexReport:
    async with open_core(settings) as core:
        return await _last(SourcesService(core.catalog, core.library, core.indexer).index(body), bars)


async def _delete(settings: Settings, name: str, bars: IndexProgress) -> IndexReport:
    async with open_core(settings) as core:
        return await _last(SourcesService(core.catalog, core.library, core.indexer).remove(name), bars)


async def _last(items: AsyncIterator[Progress | IndexReport], bars: IndexProgress) -> IndexReport:
    async for item in items:
        if isinstance(item, BaseModel):
            return item
        bars.show(**asdict(item))
    raise RuntimeError("an index run ended without its report")


def _print_report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    counts = (
        f"{report['files']} files ({report['unchanged']} unchanged), {report['sections']} sections, "
        f"{report['chunks']} chunks; {report['embedded']} embedded, {report['deleted']} deleted, "
        f"{len(report['skipped'])} skipped"
    )
    typer.echo(f"Indexed {', '.join(report['sources']) or 'nothing'}: {counts}, in {report['seconds']:.1f} s.")
    for skipped in report["skipped"]:
        typer.echo(f"  skipped {skipped['path']}: {skipped['reason']}")
    typer.echo(f"Revision {report['revision']} serves.")
