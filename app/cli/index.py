"""docent index, docent source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.docent import open_docent
from app.cli.output import index_progress, print_json
from app.config import load_settings
from app.errors import InvalidInput

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a summary.")]

source_app = typer.Typer(help="List and delete what is indexed.", no_args_is_help=True)


def index(
    paths: Annotated[list[str] | None, typer.Argument(help="Folders or files; none with --rebuild means all.")] = None,
    base_url: Annotated[str | None, typer.Option(help="URL of the docs' root, for links in citations.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Embed everything anew, all sources included.")] = False,
    as_json: Json = False,
) -> None:
    """Index folders of documentation; only what changed is read and embedded."""
    settings = load_settings()
    if paths is not None and "" in paths:
        raise InvalidInput("a path is empty: name a folder, or . for this one")
    wanted = [Path(path).expanduser().resolve() for path in paths or []]
    missing = next((path for path in wanted if not path.exists()), None)
    if missing is not None:
        raise InvalidInput(f"there is no file or folder {missing}")
    body = {"paths": [str(path) for path in wanted], "base_url": base_url, "rebuild": rebuild}
    with index_progress() as bars, open_docent(settings) as docent:
        report = docent.index(body, lambda data: bars.show(**data))
    _print_report(report, as_json)


@source_app.command("list")
def list_sources(as_json: Json = False) -> None:
    """Every source with its documents."""
    with open_docent(load_settings()) as docent:
        sources = docent.sources()
    if as_json:
        print_json(sources)
        return
    for source in sources:
        typer.echo(f"{source['name']}\t{source['documents']} documents\t{source['location']}\t{source['base_url']}")
    if not sources:
        typer.echo("nothing is indexed yet: run `docent index PATH`", err=True)


@source_app.command("delete")
def delete_source(
    name: Annotated[str, typer.Argument(help="As `docent source list` prints it.")], as_json: Json = False
) -> None:
    """Take a source and all its documents out of the index."""
    settings = load_settings()
    with index_progress() as bars, open_docent(settings) as docent:
        report = docent.remove(name, lambda data: bars.show(**data))
    _print_report(report, as_json)


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
