"""docent index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.docent import open_docent
from app.cli.output import index_progress, print_json
from app.config import load_settings
from app.errors import InvalidInput

BREAKS = 3  # exit code of a dry run that found something that would be worse than it is

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a summary.")]


def index(
    paths: Annotated[list[str] | None, typer.Argument(help="Folders or files; none with --rebuild means all.")] = None,
    base_url: Annotated[str | None, typer.Option(help="URL of the docs' root, for links in citations.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Embed everything anew, all sources included.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever share is gone, and whatever the probe questions find.")
    ] = False,
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
    if rebuild and not wanted:
        with open_docent(settings) as docent:
            everywhere = any(source["kind"] != "folder" for source in docent.sources())
        if everywhere:
            run_reindex({"full": True, "force": force}, as_json)
            return
    body = {"paths": [str(path) for path in wanted], "base_url": base_url, "rebuild": rebuild, "force": force}
    with index_progress() as bars, open_docent(settings) as docent:
        report = docent.index(body, lambda data: bars.show(**data))
    print_report(report, as_json)


def run_reindex(body: dict[str, Any], as_json: bool) -> None:
    """Bring sources up to date, and print the report. body: a ReindexBody."""
    settings = load_settings()
    with index_progress() as bars, open_docent(settings) as docent:
        report = docent.reindex(body, lambda data: bars.show(**data))
    print_report(report, as_json)
    if report["dry_run"] and report["dry_run"]["breaks"]:
        raise typer.Exit(BREAKS)
    if report["failed_sources"]:  # the others were synced, and whoever runs it by the clock has to see it
        raise typer.Exit(1)


def print_report(report: dict[str, Any], as_json: bool) -> None:
    """What an index run tells: one JSON object, or lines for a person."""
    if as_json:
        print_json(report)
        return
    counts = (
        f"{report['files']} files ({report['unchanged']} unchanged), {report['sections']} sections, "
        f"{report['chunks']} chunks; {report['embedded']} embedded, {report['deleted']} deleted, "
        f"{len(report['skipped'])} skipped"
    )
    done = "Would index" if report["dry_run"] else "Indexed"
    typer.echo(f"{done} {', '.join(report['sources']) or 'nothing'}: {counts}, in {report['seconds']:.1f} s.")
    for skipped in report["skipped"]:
        typer.echo(f"  skipped {skipped['path']}: {skipped['reason']}")
    for failed in report["failed_sources"]:
        typer.echo(f"  failed {failed['source']}: {failed['reason']}", err=True)
    if report["dry_run"]:
        _print_comparison(report["dry_run"])
    elif report["revision"]:
        typer.echo(f"Revision {report['revision']} serves.")


def _print_comparison(found: dict[str, Any]) -> None:
    for change in ("added", "changed", "removed"):
        typer.echo(f"{len(found[change])} sections {change}")
        for section in found[change]:
            typer.echo(f"  {' > '.join([section['source'] + '/' + section['path'], *section['heading_path']])}")
    typer.echo(f"{len(found['broken_citations'])} citations of recent answers would break")
    for cited in found["broken_citations"]:
        typer.echo(f"  {cited['answer_id']} cites {cited['url']}: {cited['quote']}")
    typer.echo(f"{len(found['probes'])} probe questions would find other pages")
    for probe in found["probes"]:
        lost = "" if probe["found_after"] else f", and not {probe['path']}"
        before = f" instead of {', '.join(probe['top_before'])}" if probe["top_before"] else ""
        typer.echo(f"  {probe['question']}: {', '.join(probe['top_after']) or 'nothing'}{before}{lost}")
    for reason in found["refused"]:
        typer.echo(f"It would be refused: {reason}")
    typer.echo("It would break what is there." if found["breaks"] else "Nothing would break.")
