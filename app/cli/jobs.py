"""docent jobs: what is worked on in the background."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.database import on_database
from app.cli.output import print_json

if TYPE_CHECKING:
    from app.models.job import Job

jobs_app = typer.Typer(no_args_is_help=True, help="Work in the background: tickets, callbacks, indexing.")

AsJson = Annotated[bool, typer.Option("--json", help="JSON objects, one a line.")]
JobId = Annotated[str, typer.Argument(help="As `docent jobs list` shows it.")]


@jobs_app.command("list")
def list_jobs(
    kind: Annotated[str | None, typer.Option(help="ticket, callback, publish, index, reindex or sync.")] = None,
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Jobs, newest first."""
    from app.admin.service import JobsService  # noqa: PLC0415  (see app.cli.docent)

    for job in on_database(lambda database: JobsService(database).list(kind, state, limit)):
        if as_json:
            print_json(_shown(job))
            continue
        why = f"  {job.error['detail']}" if job.error else f"  again: {job.reason}" if job.reason else ""
        typer.echo(f"{job.id}  {job.created_at:%Y-%m-%d %H:%M:%S}  {job.kind:<9} {job.state:<10} {job.subject}{why}")


@jobs_app.command("show")
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """One job with its progress and its error."""
    from app.admin.service import JobsService  # noqa: PLC0415

    shown = _shown(on_database(lambda database: JobsService(database).find(job_id)))
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        written = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        typer.echo(f"{name:<12} {'' if value is None else written}".rstrip())


@jobs_app.command("cancel")
def cancel(job_id: JobId) -> None:
    """End a job, within seconds."""
    from app.admin.service import JobsService  # noqa: PLC0415

    job = on_database(lambda database: JobsService(database).cancel(job_id))
    typer.echo(f"{job_id} is cancelled." if job.state == "cancelled" else f"{job_id} ends within seconds.")


@jobs_app.command("retry")
def retry(job_id: JobId) -> None:
    """Run a job again that failed or was cancelled; a running service begins within a second."""
    from app.admin.service import JobsService  # noqa: PLC0415

    on_database(lambda database: JobsService(database).retry(job_id))
    typer.echo(f"{job_id} is queued again.")


def _shown(job: Job) -> dict[str, Any]:
    from app.admin.schemas import JobResponse  # noqa: PLC0415

    return JobResponse.model_validate(job).model_dump(mode="json")
