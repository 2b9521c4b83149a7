"""docent release: the twins of the admin endpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.docent import open_releases
from app.cli.output import print_json
from app.config import load_settings
from app.errors import InvalidInput

release_app = typer.Typer(
    help="Releases: index, model, prompt and thresholds, put into service as one.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@release_app.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """Every release, the newest first; the one in service has a star."""
    with open_releases(load_settings()) as docent:
        releases = docent.releases()
    if as_json:
        print_json(releases)
        return
    for one in releases:
        typer.echo(_line(one))
    if not releases:
        typer.echo("there is no release yet: answers are made as the settings say", err=True)


@release_app.command("promote")
def promote(
    release: Annotated[str | None, typer.Argument(help="One that is there; a new one is made without.")] = None,
    gate: Annotated[
        Path | None, typer.Option("--gate", help="gate.json of `docent-train evaluate compare --gate`.")
    ] = None,
    without_gate: Annotated[bool, typer.Option("--without-gate", help="No evaluation has passed it.")] = False,
    revision: Annotated[str | None, typer.Option("--revision", help="Of the index; the serving one without.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="As the endpoint calls it, or a GGUF file; as it is without."),
    ] = None,
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", help="NAME=VALUE, as in reply_threshold=0.55; may be repeated.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why, for whoever reads the list.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put a release into service: all of it at once, for the next question."""
    body: dict[str, Any] = (
        {"release": release}
        if release
        else {
            "revision": revision,
            "model": _located(model),
            "thresholds": dict(_threshold(one) for one in threshold or []),
            "gate": _gate(gate),
            "without_gate": without_gate,
            "note": note,
        }
    )
    with open_releases(load_settings()) as docent:
        _tell(docent.promote(body), as_json)


@release_app.command("rollback")
def rollback(as_json: AsJson = False) -> None:
    """Back to the release that served before."""
    with open_releases(load_settings()) as docent:
        _tell(docent.rollback_release(), as_json)


def _located(model: str | None) -> str | None:
    """A file by its whole path: the service may run in another folder."""
    return str(Path(model).resolve()) if model and Path(model).is_file() else model


def _gate(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict) or "passed" not in value:
        raise InvalidInput(f"{path} is no gate.json of `docent-train evaluate compare --gate`")
    return value


def _threshold(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError as error:
        raise InvalidInput(f"--threshold {text} is none: write NAME=VALUE, as in reply_threshold=0.55") from error


def _tell(release: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(release)
    else:
        typer.echo(f"{_line(release)}\nIt is in service; `docent release rollback` takes it back.")


def _line(one: dict[str, Any]) -> str:
    mark = "*" if one["in_service"] else " "
    gate = "passed its gate" if one["gate"] else "without a gate"
    state = "" if one["available"] else "\tnot available: its index is gone"
    moved = "\tthe index has moved on" if one["moved_on"] else ""
    model = one["model"] or "model of the settings"
    note = f"\t{one['note']}" if one["note"] else ""
    return f"{mark} {one['id']}\t{one['revision']}\t{model}\t{gate}{moved}{state}{note}"
