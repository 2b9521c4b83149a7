"""The form of a source: between its fields as text and the source as it is specified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import InvalidInput
from app.sources.specification import SourceBody, SourceChange, SourceResponse

KINDS = {"folder": "Folder of this machine", "git": "Git repository", "website": "Website"}
_TEXTS = ("location", "branch", "subfolder", "base_url", "product_version", "schedule")
_LISTS = ("include", "exclude")
Checked = TypeVar("Checked", bound=BaseModel)
_HIDDEN = "://***@"  # a login in a location, as it is shown
_BETWEEN = " | "  # question and path of a probe


def body_of(fields: Mapping[str, str]) -> SourceBody:
    """The source that the fields describe. Raises InvalidInput."""
    values = {"name": fields.get("name", "").strip(), "kind": fields.get("kind", "")}
    return checked(SourceBody, {**values, **_changeable(fields)})


def change_of(fields: Mapping[str, str], source: SourceResponse) -> SourceChange:
    """What the fields change of `source`. What stands there as it was shown is left out: a location is shown without
    its credentials, and would lose them. Raises InvalidInput.
    """
    as_shown = fields_of(source)
    touched = {name: text for name, text in fields.items() if text.strip() != as_shown.get(name, "").strip()}
    values = _changeable(touched)
    return checked(SourceChange, {name: value for name, value in values.items() if name in touched})


def fields_of(source: SourceResponse) -> dict[str, str]:
    """A source as the text of its fields."""
    return {
        "name": source.name,
        "kind": source.kind,
        **{name: str(getattr(source, name)) for name in _TEXTS},
        **{name: "\n".join(getattr(source, name)) for name in _LISTS},
        "probes": "\n".join(f"{one.question}{_BETWEEN}{one.path}" for one in source.probes),
    }


def _changeable(fields: Mapping[str, str]) -> dict[str, Any]:
    if _HIDDEN in fields.get("location", ""):
        raise InvalidInput("Location: type the login in it anew, it is not shown")
    return {
        **{name: fields.get(name, "").strip() for name in _TEXTS},
        **{name: _lines(fields.get(name, "")) for name in _LISTS},
        "probes": [_probe(line) for line in _lines(fields.get("probes", ""))],
    }


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _probe(line: str) -> dict[str, str]:
    question, _, path = line.rpartition("|")
    if not question.strip() or not path.strip():
        raise InvalidInput(f"Probe questions: write {line!r} as in: How do I install it? | install.md")
    return {"question": question.strip(), "path": path.strip()}


def checked(kind: type[Checked], values: dict[str, Any]) -> Checked:
    """A model of `kind` with `values`. Raises InvalidInput, which names the fields as the form does."""
    try:
        return kind(**values)
    except ValidationError as error:
        wrong = [f"{_label(one['loc'])}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()]
        raise InvalidInput("; ".join(wrong[:3])) from error


def _label(place: tuple[int | str, ...]) -> str:
    """The field as the form names it."""
    return str(place[0]).replace("_", " ").capitalize() if place else "The source"
