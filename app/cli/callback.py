"""docent callback: what ticket systems are told, and how it is signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.database import on_database
from app.cli.output import print_json
from app.config import load_settings

if TYPE_CHECKING:
    from app.callbacks.outbox import CallbackLog
    from app.models.callback import Callback

callback_app = typer.Typer(no_args_is_help=True, help="Callbacks to ticket systems.")

AsJson = Annotated[bool, typer.Option("--json", help="JSON objects, one a line.")]
CallbackId = Annotated[str, typer.Argument(help="As `docent callback list` shows it.")]
Found = TypeVar("Found")


@callback_app.command("list")
def list_callbacks(
    state: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    ticket: Annotated[str | None, typer.Option(help="Those of one ticket.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Callbacks, newest first."""
    for callback in _with_log(lambda kept: kept.list(ticket, state, limit)):
        if as_json:
            print_json(_shown(callback))
        else:
            at = f"{callback.created_at:%Y-%m-%d %H:%M:%S}"
            typer.echo(f"{callback.id}  {at}  {callback.state:<9} {callback.event:<16} {callback.url}")


@callback_app.command("show")
def show(callback_id: CallbackId, as_json: AsJson = False) -> None:
    """One callback with every attempt to deliver it."""
    from app.admin.schemas import AttemptResponse  # noqa: PLC0415  (see app.cli.docent)

    callback, attempts = _with_log(lambda kept: kept.find(callback_id))
    tried = [AttemptResponse.model_validate(one).model_dump(mode="json") for one in attempts]
    if as_json:
        print_json({**_shown(callback), "attempts": tried})
        return
    for name, value in _shown(callback).items():
        typer.echo(f"{name:<12} {'' if value is None else value}")
    for one in tried:
        said = one["failure"] or "delivered"
        typer.echo(f"  {one['number']}. {one['started_at']}  {one['duration_ms']} ms  {one['status'] or '-'}  {said}")


@callback_app.command("redeliver")
def redeliver(callback_id: CallbackId) -> None:
    """Deliver a callback once more, under the same id; a running service begins within a second."""
    _with_log(lambda kept: kept.redeliver(callback_id))
    typer.echo(f"{callback_id} is queued again.")


@callback_app.command("secret")
def secret(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new one; the old one signs as well for a while.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the secret that callbacks are signed with, for who verifies them."""
    if rotate:
        made, until = _with_log(lambda kept: kept.rotate_secret())
        shown: dict[str, str | None] = {"secret": made.reveal(), "previous_until": until.isoformat(timespec="seconds")}
    else:
        shown = {"secret": _with_log(lambda kept: kept.secret()).reveal(), "previous_until": None}
    if as_json:
        print_json(shown)
        return
    typer.echo(shown["secret"])
    if shown["previous_until"]:
        typer.echo(f"The secret before it signs as well until {shown['previous_until']}.", err=True)


def _with_log(work: Callable[[CallbackLog], Awaitable[Found]]) -> Found:
    from app.callbacks.outbox import CallbackLog  # noqa: PLC0415

    overlap = timedelta(hours=load_settings().tickets.secret_overlap_hours)
    return on_database(lambda database: work(CallbackLog(database, overlap)))


def _shown(callback: Callback) -> dict[str, Any]:
    from app.admin.schemas import CallbackResponse  # noqa: PLC0415

    return CallbackResponse.model_validate(callback).model_dump(mode="json")
