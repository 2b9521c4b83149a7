"""The keys of all recipes as docs/reference/training.md lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from training.schema.stages import RECIPES

HEAD = """---
title: Recipes of docent-train
description: Every key of every recipe, with its default and its meaning.
---
# Recipes of docent-train

A recipe is a YAML file. `extends: other.yaml` builds on another one, and `--set a.b=value` changes a key.
An unknown key is an error that names the nearest known one. [Train a model on your docs](../how-to/train-a-model.md)
shows the stages at work.
"""


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is None:
        return []
    return [found for one in get_args(annotation) for found in sections_of(one)]


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of one section that are no sections themselves."""
    yield from ((name, field) for name, field in model.model_fields.items() if not sections_of(field.annotation))


def places(model: type[BaseModel], name: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Each section with the dotted keys at which it stands; `[]` stands for a place in a list."""
    yield name, model
    for key, field in model.model_fields.items():
        for section in sections_of(field.annotation):
            mark = "[]" if "list[" in str(field.annotation) else ""
            yield from places(section, f"{name}.{key}{mark}".strip("."))


def default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "(needed)"
    return f"`{value}`" if value not in (None, "", []) else "(empty)"


def table(model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {default_of(field)} | {field.description or ''} |" for name, field in keys(model)]
    return "\n".join(["| Key | Default | Meaning |", "|---|---|---|", *rows])


def reference() -> str:
    """The page. Each section stands once, below the places that it has in the recipes."""
    at: dict[type[BaseModel], list[str]] = {}
    for stage, recipe in RECIPES.items():
        for name, section in places(recipe):
            at.setdefault(section, []).append(f"{stage}: {name}" if name else stage)
    parts = [HEAD]
    for section, found in at.items():
        title = found[0] if len(found) == 1 and ":" not in found[0] else section.__name__
        stands = "" if title in RECIPES else "Stands at " + ", ".join(f"`{one}`" for one in found) + ".\n\n"
        about = " ".join((section.__doc__ or "").split("\n\n")[0].split())
        parts.append(f"## {title}\n\n{about}\n\n{stands}{table(section)}\n")
    return "\n".join(parts)
