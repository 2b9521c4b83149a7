"""Reports of tables and pictures: one file each, without scripts or anything from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Section:
    """told: the caption, and what a picture shows to those who do not see it. picture: a data URL, '' for none."""

    title: str
    told: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = field(default_factory=list)
    picture: str = ""


def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def write_page(path: Path, title: str, said: Sequence[str], sections: Sequence[Section]) -> None:
    page = environment().get_template("page.html").render(title=title, said=said, sections=sections)
    path.write_text(page, encoding="utf-8")
