"""Recipes: YAML that may extend another, changed by `--set`, checked by the stage's pydantic model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from training.errors import RecipeError
from training.schema.base import Recipe
from training.schema.stages import RECIPES

Tree = dict[str, Any]
ModelT = TypeVar("ModelT", bound=BaseModel)


def load_recipe(stage: str, path: Path, settings: Sequence[str] = ()) -> Recipe:
    """The recipe of `stage` in the file `path`, with `key=value` settings laid over it. Raises RecipeError."""
    tree = overlaid(read_tree(path), [parse_setting(text) for text in settings])
    return validated(RECIPES[stage], tree, str(path))


def validated(model: type[ModelT], tree: Mapping[str, Any], where: str) -> ModelT:
    """`tree` as `model`. Raises RecipeError with the first fault, in one line."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        faults = error.errors()
        unknown = (fault for fault in faults if fault["type"] == "extra_forbidden")  # a misspelt key is also missing
        raise RecipeError(f"{where}: {_one_line(model, next(unknown, faults[0]))}") from error


def read_tree(path: Path, seen: tuple[Path, ...] = ()) -> Tree:
    """The mapping in a YAML file, over the one it `extends` (a path relative to its own folder)."""
    path = path.resolve()
    if path in seen:
        raise RecipeError(f"{path} extends itself: {' -> '.join(one.name for one in (*seen, path))}")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise RecipeError(f"{path} holds no mapping of keys")
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends names one file")
    return merged(read_tree(path.parent / parent, (*seen, path)), tree)


def merged(below: Tree, above: Tree) -> Tree:
    """Mappings are merged key by key; whatever else stands above replaces what is below."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def parse_setting(text: str) -> tuple[list[str], Any]:
    """`a.b=value` as keys and a value, which is read as YAML: numbers, true, null, [lists] and {mappings}."""
    key, equals, value = text.partition("=")
    keys = [part.strip() for part in key.split(".")]
    if not equals or not all(keys):
        raise RecipeError(f"--set {text}: write key=value, with dots between nested keys")
    try:
        return keys, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {text}: the value is no YAML") from error


def overlaid(tree: Tree, settings: Sequence[tuple[list[str], Any]]) -> Tree:
    """`tree` with each setting put in its place; a number among the keys is a place in a list."""
    for keys, value in settings:
        tree = _put(tree, keys, value)
    return tree


def _put(node: Any, keys: list[str], value: Any) -> Any:  # noqa: ANN401  (YAML knows no narrower type)
    if not keys:
        return value
    if isinstance(node, list) and keys[0].isdecimal():
        if int(keys[0]) >= len(node):
            raise RecipeError(f"--set: there is no item {keys[0]} in a list of {len(node)}")
        return [_put(one, keys[1:], value) if at == int(keys[0]) else one for at, one in enumerate(node)]
    below = node if isinstance(node, dict) else {}
    return {**below, keys[0]: _put(below.get(keys[0]), keys[1:], value)}


def _one_line(model: type[BaseModel], fault: ErrorDetails) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = known_keys(model, fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key {place}; {hint}"
    if fault["type"] == "missing":
        return f"{place} is missing"
    text = fault["msg"].removeprefix("Value error, ")
    given = fault["input"]
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) or given is None else ""
    return f"{place}: {text}{shown}" if place else text


def known_keys(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The keys that the section at `place` knows."""
    current = model
    for part in place:
        field = current.model_fields.get(str(part)) if not isinstance(part, int) else None
        inner = _section_of(field.annotation) if field else None
        current = inner or current
    return sorted(current.model_fields)


def _section_of(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is not None:
        return next((found for one in get_args(annotation) if (found := _section_of(one))), None)
    return None
