"""docent source, docent reindex, docent revision: the twins of the admin endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.docent import open_docent
from app.cli.index import print_report, run_reindex
from app.cli.output import index_progress, print_json
from app.config import load_settings
from app.errors import InvalidInput

source_app = typer.Typer(help="Where documents come from: folders, git repositories, websites.", no_args_is_help=True)
revision_app = typer.Typer(help="Revisions of the index: which there are, and back to one.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
Name = Annotated[str, typer.Argument(help="As `docent source list` prints it.")]
Branch = Annotated[str | None, typer.Option(help="Branch of a git repository; its default branch without.")]
Subfolder = Annotated[str | None, typer.Option(help="Folder of a git repository; all of it without.")]
Include = Annotated[list[str] | None, typer.Option(help="What is read, as in .gitignore; may be repeated.")]
Exclude = Annotated[list[str] | None, typer.Option(help="What of it is left out; may be repeated.")]
BaseUrl = Annotated[str | None, typer.Option(help="URL of the docs' root, for links in citations.")]
Version = Annotated[str | None, typer.Option("--product-version", help="The version of the product that they are of.")]
Schedule = Annotated[str | None, typer.Option(help="When it is synced, as cron says it, in UTC: '0 3 * * *'.")]
Probe = Annotated[
    list[str] | None, typer.Option(help="PATH=QUESTION: a page that a question has to find; may be repeated.")
]


@source_app.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """Every source with its documents and the error of its latest sync."""
    with open_docent(load_settings()) as docent:
        sources = docent.sources()
    if as_json:
        print_json(sources)
        return
    for source in sources:
        failed = f"\tfailed: {source['error']}" if source["error"] else ""
        typer.echo(
            f"{source['name']}\t{source['kind']}\t{source['documents']} documents\t{source['location']}"
            f"\t{source['base_url']}{failed}"
        )
    if not sources:
        typer.echo("there is no source yet: run `docent index FOLDER`, or `docent source add`", err=True)


@source_app.command("show")
def show_source(name: Name, as_json: AsJson = False) -> None:
    """One source with all that it is made of."""
    with open_docent(load_settings()) as docent:
        _print_source(docent.source(name), as_json)


@source_app.command("add")
def add_source(  # noqa: PLR0913, PLR0917  (options of a command)
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    location: Annotated[str, typer.Argument(help="A folder, a git URL or repository, a sitemap or start page.")],
    kind: Annotated[str, typer.Option(help="folder, git or website.")],
    branch: Branch = None,
    subfolder: Subfolder = None,
    include: Include = None,
    exclude: Exclude = None,
    base_url: BaseUrl = None,
    product_version: Version = None,
    schedule: Schedule = None,
    probe: Probe = None,
    try_it: Annotated[bool, typer.Option("--test", help="Only look what it would give, and save nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a source; `docent reindex` then reads it."""
    if kind == "folder":
        location = str(Path(location).expanduser().resolve())
    given = _given(branch, subfolder, include, exclude, base_url, product_version, schedule, probe)
    body = {"name": name, "kind": kind, "location": location, **given}
    with open_docent(load_settings()) as docent:
        if not try_it:
            _print_source(docent.add_source(body), as_json)
            return
        found = docent.test_source(body)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found['documents']} documents, such as {', '.join(found['first']) or 'none'}")
    for one in found["failed"]:
        typer.echo(f"  failed {one['path']}: {one['reason']}")


@source_app.command("update")
def update_source(  # noqa: PLR0913, PLR0917  (options of a command)
    name: Name,
    location: Annotated[str | None, typer.Option(help="Where the documents are now.")] = None,
    branch: Branch = None,
    subfolder: Subfolder = None,
    include: Include = None,
    exclude: Exclude = None,
    base_url: BaseUrl = None,
    product_version: Version = None,
    schedule: Schedule = None,
    probe: Probe = None,
    as_json: AsJson = False,
) -> None:
    """Change a source; what is not given stays. An empty text takes a setting away: `--exclude ''`."""
    change = _given(branch, subfolder, include, exclude, base_url, product_version, schedule, probe)
    if location is not None:
        change["location"] = location
    if not change:
        raise InvalidInput("nothing to change: give an option, as `docent source update --help` lists them")
    with open_docent(load_settings()) as docent:
        _print_source(docent.update_source(name, change), as_json)


@source_app.command("delete")
def delete_source(name: Name, as_json: AsJson = False) -> None:
    """Take a source and all its documents out of the index."""
    settings = load_settings()
    with index_progress() as bars, open_docent(settings) as docent:
        report = docent.remove(name, lambda data: bars.show(**data))
    print_report(report, as_json)


@source_app.command("sync")
def sync_source(name: Name, as_json: AsJson = False) -> None:
    """Bring one source up to date."""
    run_reindex({"sources": [name]}, as_json)


@source_app.command("secret")
def push_secret(name: Name, as_json: AsJson = False) -> None:
    """Show where webhooks of pushes to a git source go, and the secret that they are signed with."""
    with open_docent(load_settings()) as docent:
        told = docent.push_secret(name)
    if as_json:
        print_json(told)
        return
    typer.echo(f"URL     {told['push_url']} (below the address of this service)\nSecret  {told['secret']}")


def reindex(
    names: Annotated[list[str] | None, typer.Argument(help="Sources; all of them without.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read and embed everything anew.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and say what would change; exit code 3 where it breaks.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever share is gone, and whatever the probe questions find.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring sources up to date: fetch, read and embed what changed, delete what is gone."""
    run_reindex({"sources": names or None, "full": full, "dry_run": dry_run, "force": force}, as_json)


@revision_app.command("list")
def list_revisions(as_json: AsJson = False) -> None:
    """Revisions that are kept, newest first; the one that serves has a star."""
    with open_docent(load_settings()) as docent:
        revisions = docent.revisions()
    if as_json:
        print_json(revisions)
        return
    for one in revisions:
        note = "" if one["available"] else "\tnot available: its files are gone, or the settings are others"
        note += "\theld since a rollback, until the next `docent reindex`" if one["held"] else ""
        star = "*" if one["serves"] else " "
        typer.echo(f"{star} {one['id']}\t{one['documents']} documents\t{one['chunks']} chunks{note}")


@revision_app.command("rollback")
def rollback(
    revision: Annotated[str | None, typer.Argument(help="The one before the serving one without.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have an earlier revision serve; schedules leave it there until somebody asks for a run."""
    with open_docent(load_settings()) as docent:
        serving = docent.rollback(revision)
    if as_json:
        print_json(serving)
        return
    typer.echo(f"Revision {serving['id']} serves, until the next `docent reindex`.")


def _given(
    branch: str | None, subfolder: str | None, include: list[str] | None, exclude: list[str] | None,
    base_url: str | None, product_version: str | None, schedule: str | None, probe: list[str] | None,
) -> dict[str, Any]:  # fmt: skip
    """The options that were given."""
    texts = {
        "branch": branch,
        "subfolder": subfolder,
        "base_url": base_url,
        "product_version": product_version,
        "schedule": schedule,
    }
    lists = {"include": include, "exclude": exclude, "probes": probe}
    given: dict[str, Any] = {name: value for name, value in texts.items() if value is not None}
    for name, values in lists.items():
        if values is not None:
            filled = [value for value in values if value]
            given[name] = [_probe(value) for value in filled] if name == "probes" else filled
    return given


def _probe(value: str) -> dict[str, str]:
    path, found, question = value.partition("=")
    if not (path and found and question.strip()):
        raise InvalidInput(f"--probe {value} is none: write PATH=QUESTION, as in --probe 'logs.md=Where are the logs?'")
    return {"path": path, "question": question.strip()}


def _print_source(source: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(source)
        return
    for name, value in source.items():
        shown = "" if value is None else value
        if isinstance(value, list):
            shown = ", ".join(f"{one['path']}={one['question']}" if isinstance(one, dict) else one for one in value)
        typer.echo(f"{name:<16} {shown}".rstrip())
