"""`docent`: the command line. `main` turns every known error into one line and an exit code."""

from __future__ import annotations

import sys

import typer

from app.cli import ask, calibrate, callback, database, index, jobs, key, release, search, serve, site, source, visitors
from app.config import LogSettings
from app.errors import DocentError
from app.logs import configure_logs

app = typer.Typer(
    name="docent",
    help="Answers from your documentation, with the sentence each answer stands on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.command("prepare")(serve.prepare)
app.command("index")(index.index)
app.command("search")(search.search)
app.command("ask")(ask.ask)
app.command("calibrate")(calibrate.calibrate_thresholds)
app.command("trace")(database.trace)
app.command("migrate")(database.migrate)
app.command("feedback")(visitors.feedback)
app.command("escalations")(visitors.escalations)
app.command("reindex")(source.reindex)
app.add_typer(source.source_app, name="source")
app.add_typer(source.revision_app, name="revision")
app.add_typer(release.release_app, name="release")
app.add_typer(jobs.jobs_app, name="jobs")
app.add_typer(callback.callback_app, name="callback")
app.add_typer(key.key_app, name="key")
app.add_typer(site.site_app, name="site")


def main() -> None:
    """Entry point.

    Exit codes: 0 done, 1 an error that says what to do, 2 wrong usage, 3 a dry run that would break, 130 interrupted.
    """
    configure_logs(LogSettings(level="warning"))  # stdout is for answers; `serve` sets its own
    try:
        app()
    except DocentError as error:
        typer.echo(f"docent: {error.detail}", err=True)
        sys.exit(1)
