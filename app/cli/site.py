"""docent site: the sites that a widget may stand on."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.database import on_database
from app.cli.output import print_json
from app.config import load_settings
from app.errors import InvalidInput

if TYPE_CHECKING:
    from app.models.site import Site

site_app = typer.Typer(no_args_is_help=True, help="Sites that the chat widget may stand on.")


class Position(StrEnum):
    """The corner of the page, where text runs from left to right."""

    left = "left"
    right = "right"


Key = Annotated[str, typer.Argument(help="Public key of the site, as `docent site list` shows it.")]
Origins = Annotated[list[str] | None, typer.Option("--origin", help="Origin of the site's pages; several are allowed.")]
Name = Annotated[str | None, typer.Option(help="What you call the site. [default: its first origin]")]
Title = Annotated[str | None, typer.Option(help="Heading of the chat.")]
Greeting = Annotated[str | None, typer.Option(help="What stands there before the first question.")]
Starters = Annotated[list[str] | None, typer.Option("--starter", help="A question to start with; up to six.")]
Accent = Annotated[str | None, typer.Option(help="Colour of buttons and links, as #0b6e4f.")]
AccentDark = Annotated[str | None, typer.Option(help="The same on dark pages.")]
Corner = Annotated[Position | None, typer.Option(help="Corner of the page.")]
Person = Annotated[bool | None, typer.Option("--person/--no-person", help="Whether 'talk to a person' is offered.")]
Strings = Annotated[
    Path | None, typer.Option(help='JSON file with the widget\'s texts by language: {"de": {"send": "Senden"}}.')
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, an object a line.")]


@site_app.command("create")
def create(  # noqa: PLR0913, PLR0917  (an option each)
    origin: Origins = None,
    name: Name = None,
    title: Title = None,
    greeting: Greeting = None,
    starter: Starters = None,
    accent: Accent = None,
    accent_dark: AccentDark = None,
    position: Corner = None,
    person: Person = None,
    strings: Strings = None,
    as_json: AsJson = False,
) -> None:
    """Let the widget stand on a site's pages, and print the script tag for them."""
    from app.auth.sites import Sites  # noqa: PLC0415  (see app.cli.docent)

    values = _given(locals())
    _print(on_database(lambda database: Sites(database).create(values)), as_json)


@site_app.command("update")
def update(  # noqa: PLR0913, PLR0917  (an option each)
    key: Key,
    origin: Origins = None,
    name: Name = None,
    title: Title = None,
    greeting: Greeting = None,
    starter: Starters = None,
    accent: Accent = None,
    accent_dark: AccentDark = None,
    position: Corner = None,
    person: Person = None,
    strings: Strings = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; origins and starter questions replace those before. Pages follow within minutes."""
    from app.auth.sites import Sites  # noqa: PLC0415

    values = _given(locals())
    if not values:
        raise InvalidInput("nothing was given to change: `docent site update --help` lists what can be")
    _print(on_database(lambda database: Sites(database).update(key, values)), as_json)


@site_app.command("list")
def list_sites(as_json: AsJson = False) -> None:
    """The sites, with their public keys and origins."""
    from app.auth.sites import Sites  # noqa: PLC0415

    for site in on_database(lambda database: Sites(database).all()):
        if as_json:
            print_json(_shown(site))
        else:
            typer.echo(f"{site.id}  {site.name}  {' '.join(site.origins) or '(wherever the service is)'}")


@site_app.command("delete")
def delete(key: Key) -> None:
    """Refuse a site's key and its visitors' sessions from now on; their conversations stay."""
    from app.auth.sites import Sites  # noqa: PLC0415

    on_database(lambda database: Sites(database).delete(key))
    typer.echo(f"The site {key} is deleted.")


_COLUMNS = {"origin": "origins", "starter": "starters"}
_NOT_COLUMNS = {"key", "as_json", "strings", "Sites"}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Columns of Site by the options that were given."""
    given = {
        _COLUMNS.get(name, name): str(value) if isinstance(value, StrEnum) else value
        for name, value in options.items()
        if value is not None and name not in _NOT_COLUMNS
    }
    if options["strings"] is not None:
        given["strings"] = _read_strings(options["strings"])
    return given


def _read_strings(file: Path) -> dict[str, dict[str, str]]:
    advice = "it is a JSON object of languages, each an object of texts by name"
    try:
        read = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"--strings {file} cannot be read ({error}): {advice}") from error
    sound = isinstance(read, dict) and all(
        isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values()) for texts in read.values()
    )
    if not sound:
        raise InvalidInput(f"--strings {file}: {advice}")
    return dict(read)


def _shown(site: Site) -> dict[str, Any]:
    names = (
        "name",
        "origins",
        "title",
        "greeting",
        "starters",
        "accent",
        "accent_dark",
        "position",
        "person",
        "strings",
    )
    return {"key": site.id} | {name: getattr(site, name) for name in names}


def _print(site: Site, as_json: bool) -> None:
    if as_json:
        print_json(_shown(site))
        return
    url = load_settings().server.public_url
    typer.echo(f'<script src="{url or "https://YOUR-DOCENT-HOST"}/widget.js" data-site="{site.id}" async></script>')
    what = "." if url else ", with the address that visitors reach this service by (DOCENT_SERVER__PUBLIC_URL)."
    typer.echo(f"Paste it into the pages{what}", err=True)
