"""Schemas of an OpenAPI document in words."""

from __future__ import annotations

import json
from typing import Any

_MAX_DEPTH = 4  # levels of fields written out below each other
_MAX_LINKS = 50  # of a chain of references
_MAX_FIELDS = 400  # written out for one body or schema


class References:
    """Follows `$ref` inside one document; what leads elsewhere, nowhere or in a circle is empty."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def resolve(self, value: object) -> dict[str, Any]:
        for _link in range(_MAX_LINKS):
            if not isinstance(value, dict):
                return {}
            target = value.get("$ref")
            if not isinstance(target, str):
                return value
            value = self._at(target)
        return {}

    def _at(self, target: str) -> object:
        if not target.startswith("#/"):
            return None
        found: object = self._document
        for key in target[2:].split("/"):
            name = key.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            if isinstance(found, dict):
                found = found.get(name)
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return None
        return found


def line(value: object) -> str:
    """A value on one line; '' for nothing."""
    return " ".join(str(value).split()) if value not in (None, "") else ""


def type_of(schema: object, references: References, depth: int = 0) -> str:
    """Such as `string (uuid)`, `array of Message`, `one of Cat, Dog`; a referenced schema goes by its name."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return ""
    name = _name_of(schema)
    resolved = references.resolve(schema)
    if name:
        return name
    for key, words in (("oneOf", "one of "), ("anyOf", "any of "), ("allOf", "")):
        choices = resolved.get(key)
        if isinstance(choices, list):
            named = [type_of(choice, references, depth + 1) for choice in choices]
            distinct = list(dict.fromkeys(filter(None, named)))
            return (words if len(distinct) > 1 else "") + ", ".join(distinct)
    declared = resolved.get("type")
    kind = " or ".join(str(each) for each in declared) if isinstance(declared, list) else line(declared)
    if kind == "array":
        return f"array of {type_of(resolved.get('items'), references, depth + 1)}".removesuffix(" of ")
    if not kind and "properties" in resolved:
        kind = "object"
    shape = line(resolved.get("format"))
    return f"{kind} ({shape})" if shape else kind


def fields_of(schema: object, references: References) -> list[str]:
    """A list line for each property, those of nested objects indented below it."""
    lines: list[str] = []
    _add_fields(schema, references, lines, trail=[], seen=[])
    return lines


def example_of(media: dict[str, Any], schema: object, references: References) -> object:
    """The example that a body, a response or its schema gives, None where there is none."""
    examples = media.get("examples")
    if "example" in media:
        return media["example"]
    if isinstance(examples, dict) and examples:
        first = next(iter(examples.values()))
        resolved = references.resolve(first)
        return resolved.get("value", first if not resolved.get("summary") else None)
    resolved = references.resolve(schema)
    if "example" in resolved:
        return resolved["example"]
    given = resolved.get("examples")
    return given[0] if isinstance(given, list) and given else None


def _add_fields(schema: object, references: References, lines: list[str], trail: list[str], seen: list[int]) -> None:
    resolved = references.resolve(schema)
    if id(resolved) in seen or len(seen) > _MAX_DEPTH * 2 or len(trail) >= _MAX_DEPTH or len(lines) > _MAX_FIELDS:
        return
    seen = [*seen, id(resolved)]
    for key in ("allOf", "oneOf", "anyOf"):
        choices = resolved.get(key)
        for choice in choices if isinstance(choices, list) else []:
            _add_fields(choice, references, lines, trail, seen)
    if "items" in resolved:
        _add_fields(resolved["items"], references, lines, trail, seen)
    required = resolved.get("required")
    properties = resolved.get("properties")
    for name, field in properties.items() if isinstance(properties, dict) else ():
        is_required = isinstance(required, list) and name in required
        lines.append("  " * len(trail) + _field(str(name), field, references, is_required=is_required))
        _add_fields(field, references, lines, [*trail, str(name)], seen)


def _field(name: str, field: object, references: References, *, is_required: bool) -> str:
    schema = references.resolve(field)
    notes = [type_of(field, references)]
    if is_required:
        notes.append("required")
    if schema.get("nullable") is True:
        notes.append("nullable")
    for key, words in (("default", "default"), ("minimum", "at least"), ("maximum", "at most"), ("const", "always")):
        if key in schema:
            notes.append(f"{words} {json.dumps(schema[key], default=str)}")
    choices = schema.get("enum")
    if isinstance(choices, list):
        notes.append("one of " + ", ".join(json.dumps(value, default=str) for value in choices))
    own = field.get("description") if isinstance(field, dict) else None
    described = line(own or schema.get("description"))
    shown = ", ".join(filter(None, notes))
    return f"- `{name}`" + (f" ({shown})" if shown else "") + (f": {described}" if described else "")


def _name_of(schema: dict[str, Any]) -> str:
    target = schema.get("$ref")
    return target.rpartition("/")[2] if isinstance(target, str) else ""
