"""docent key: API keys for programs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.database import on_database
from app.cli.output import print_json

if TYPE_CHECKING:
    from app.models.api_key import ApiKey

key_app = typer.Typer(no_args_is_help=True, help="API keys for programs.")


class KeyScope(StrEnum):
    """What a key opens, and nothing else."""

    chat = "chat"
    tickets = "tickets"
    admin = "admin"


@key_app.command("create")
def create(
    scope: Annotated[KeyScope, typer.Option(help="What the key opens, and nothing else.")],
    name: Annotated[str, typer.Option(help="Who uses it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Make a key, and print it: it is not shown again."""
    from app.auth.keys import ApiKeys  # noqa: PLC0415  (see app.cli.docent)

    made = on_database(lambda database: ApiKeys(database).create(name, scope.value))
    if as_json:
        print_json({"id": made.id, "key": made.token, "scope": made.scope})
        return
    typer.echo(made.token)
    typer.echo("Keep it now: it is stored as a hash, and not shown again.", err=True)


@key_app.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False) -> None:
    """The keys that were made, without their secrets."""
    from app.auth.keys import ApiKeys  # noqa: PLC0415

    for key in on_database(lambda database: ApiKeys(database).all()):
        shown = _shown(key)
        if as_json:
            print_json(shown)
            continue
        state = f"revoked {shown['revoked_at']}" if key.revoked_at else f"last used {shown['last_used_at'] or 'never'}"
        typer.echo(f"{key.id}  {key.scope:<8} {key.name}  (made {shown['created_at']}, {state})")


@key_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="As `docent key list` shows it.")]) -> None:
    """Refuse a key from now on; a running service does so at once."""
    from app.auth.keys import ApiKeys  # noqa: PLC0415

    on_database(lambda database: ApiKeys(database).revoke(key_id))
    typer.echo(f"The key {key_id} is revoked.")


def _shown(key: ApiKey) -> dict[str, Any]:
    def time(name: str) -> str | None:
        moment = getattr(key, name)
        return None if moment is None else moment.isoformat(timespec="seconds")

    shown = {"id": key.id, "name": key.name, "scope": key.scope}
    return shown | {name: time(name) for name in ("created_at", "last_used_at", "revoked_at")}
