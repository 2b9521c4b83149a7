"""JSON schemas that the pipeline is known to take.

A schema it cannot compile raises in its step and breaks the requests of everybody, so this is a list of what is
allowed, not of what is not. Local references are written out.
"""

from __future__ import annotations

import json
from typing import Any

from app.errors import InvalidInput

_MAX_DEPTH = 8
_MAX_NODES = 256
_MAX_TEXT = 500  # characters of a constant
_MAX_LENGTH = 32  # of minLength and maxLength: 10 compile in 0.1 s, 50 in 1 s, 200 in 3.7 s, and everybody waits
_MAX_ITEMS = 100
_MAX_INTEGER = 10**15
_MAX_NAME = 200
_MAX_ENUM = 256

_ANNOTATIONS = {"$schema", "$defs", "definitions", "title", "description", "default", "examples"}
_KEYWORDS = {
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": set(),  # the compiler's ranges of fractions are wrong: with a maximum of 1 it lets 1.111 pass
    "boolean": set(),
    "null": set(),
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
}


class SchemaRefused(InvalidInput):
    """Its text says what is not supported, and where."""


def checked_schema(schema: object) -> str:
    """The schema as the pipeline gets it, or `SchemaRefused`."""
    definitions: dict[str, Any] = {}
    if isinstance(schema, dict):
        for keyword in ("$defs", "definitions"):
            named = schema.get(keyword)
            if isinstance(named, dict):
                definitions |= {f"#/{keyword}/{name}": value for name, value in named.items()}
    return json.dumps(_Checker(definitions).check(schema, "schema", 0))


class _Checker:
    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._nodes = 0

    def check(self, schema: object, where: str, depth: int) -> dict[str, Any]:
        self._nodes += 1
        if depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            raise SchemaRefused(f"{where}: more than {_MAX_DEPTH} levels or {_MAX_NODES} parts")
        if not isinstance(schema, dict):
            raise SchemaRefused(f"{where}: must be an object")
        core = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        if "$ref" in core:
            return self._reference(core, where, depth)
        for keyword, check in (("anyOf", self._any_of), ("enum", _enum), ("const", _const)):
            if keyword in core:
                _only(core, {keyword, "type"} if keyword != "anyOf" else {keyword}, where)
                return {keyword: check(core[keyword], f"{where}.{keyword}", depth)}
        return self._typed(core, where, depth)

    def _reference(self, core: dict[str, Any], where: str, depth: int) -> dict[str, Any]:
        _only(core, {"$ref"}, where)
        target = core["$ref"]
        if not isinstance(target, str) or target not in self._definitions:
            raise SchemaRefused(f"{where}.$ref: only references to #/$defs/… are supported")
        return self.check(self._definitions[target], where, depth + 1)  # a recursive one ends at _MAX_DEPTH

    def _any_of(self, value: object, where: str, depth: int) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise SchemaRefused(f"{where}: must be a list of schemas")
        return [self.check(part, f"{where}[{index}]", depth + 1) for index, part in enumerate(value)]

    def _typed(self, core: dict[str, Any], where: str, depth: int) -> dict[str, Any]:
        kind = core.get("type")
        if not isinstance(kind, str) or kind not in _KEYWORDS:
            raise SchemaRefused(f"{where}.type: must be one of {', '.join(_KEYWORDS)}")
        _only(core, _KEYWORDS[kind] | {"type"}, where)
        if kind == "object":
            return self._object(core, where, depth)
        if kind == "array":
            return self._array(core, where, depth)
        if kind == "integer":
            return {"type": kind, **_range(core, ("minimum", "maximum"), -_MAX_INTEGER, _MAX_INTEGER, where)}
        if kind == "string":
            return {"type": kind, **_range(core, ("minLength", "maxLength"), 0, _MAX_LENGTH, where)}
        return {"type": kind}

    def _object(self, core: dict[str, Any], where: str, depth: int) -> dict[str, Any]:
        properties = core.get("properties", {})
        required = core.get("required", [])
        extra = core.get("additionalProperties", True)
        if not isinstance(properties, dict) or not all(_plain_name(name) for name in properties):
            raise SchemaRefused(f"{where}.properties: must be an object; names without quotes, backslashes, controls")
        if not isinstance(required, list) or not all(isinstance(name, str) and name in properties for name in required):
            raise SchemaRefused(f"{where}.required: must be a list of names from properties")
        if not isinstance(extra, bool):
            raise SchemaRefused(f"{where}.additionalProperties: must be true or false")
        parts = {name: self.check(part, f"{where}.{name}", depth + 1) for name, part in properties.items()}
        return {
            "type": "object",
            "properties": parts,
            "required": list(dict.fromkeys(required)),
            "additionalProperties": extra,
        }

    def _array(self, core: dict[str, Any], where: str, depth: int) -> dict[str, Any]:
        items = self.check(core.get("items"), f"{where}.items", depth + 1)
        return {"type": "array", "items": items, **_range(core, ("minItems", "maxItems"), 0, _MAX_ITEMS, where)}


def _only(core: dict[str, Any], allowed: set[str], where: str) -> None:
    if unknown := sorted(core.keys() - allowed):
        raise SchemaRefused(f"{where}: {', '.join(map(str, unknown))} is not supported here")


def plain_text(text: str) -> bool:
    """Short, and neither controls nor lone surrogates in it, which the compiler's own parser may not take."""
    return len(text) <= _MAX_TEXT and all(char.isprintable() or char in "\n\t" for char in text)


def _plain_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable() and not set(name) & {'"', "\\"}


def _enum(value: object, where: str, depth: int) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_ENUM:
        raise SchemaRefused(f"{where}: must be a list of 1 to {_MAX_ENUM} values")
    return [_const(item, where, depth) for item in value]


def _const(value: object, where: str, _depth: int) -> str | int | None:
    if value is None or (isinstance(value, int) and abs(value) <= _MAX_INTEGER):
        return value
    if isinstance(value, str) and plain_text(value):
        return value
    raise SchemaRefused(f"{where}: only plain strings, whole numbers, true, false and null are supported")


def _range(core: dict[str, Any], names: tuple[str, str], least: int, most: int, where: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        value = core.get(name)
        if value is None and name not in core:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise SchemaRefused(f"{where}.{name}: must be a whole number from {least} to {most}")
        found[name] = value
    if len(found) == 2 and found[names[0]] > found[names[1]]:
        raise SchemaRefused(f"{where}: {names[0]} is greater than {names[1]}")
    return found
