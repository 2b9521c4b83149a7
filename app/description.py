"""The API's description (OpenAPI): what FastAPI makes of the routes, mended where that is not what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.problems import Problem

_SCHEMAS = "#/components/schemas/"


def event_stream(*events: str, example: str, numbered: bool = False) -> dict[str, Any]:
    """The content of a response that is server-sent events with JSON as data. events: their names; none: unnamed.

    numbered: each has an id. Routes that give nothing else have `response_class=Response`: it has no media type.
    """
    data = "JSON." if events else "JSON, and `[DONE]` at the end."
    fields: dict[str, Any] = {"data": {"type": "string", "description": data}}
    if events:
        fields["event"] = {"type": "string", "enum": list(events)}
    if numbered:
        fields["id"] = {"type": "string", "description": "Send the last one as Last-Event-ID to go on behind it."}
    item = {"type": "object", "required": list(fields), "properties": fields}
    return {"text/event-stream": {"itemSchema": item, "example": example}}


def describe(app: FastAPI) -> None:
    """Have `app` give the mended description."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _mended(made_by_fastapi())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def _mended(described: dict[str, Any]) -> dict[str, Any]:
    """With the schema that `problem_responses` refers to, without errors in FastAPI's own form, which nobody gets,
    and with the nulls of the examples, which FastAPI leaves out.
    """
    schemas: dict[str, Any] = described["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in _operations(described):
        responses: dict[str, Any] = operation["responses"]
        if _SCHEMAS + "HTTPValidationError" in str(responses.get("422")):
            del responses["422"]
        for response in responses.values():
            for content in response.get("content", {}).values():
                if "example" in content:
                    _put_nulls(content["example"], content.get("schema", {}), schemas)
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _put_nulls(example, schema, schemas)
    return described


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in described["paths"].values():
        yield from methods.values()


def _put_nulls(value: object, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give null to what `schema` requires and `value` has not."""
    schema = schemas[schema["$ref"].removeprefix(_SCHEMAS)] if "$ref" in schema else schema
    for choice in schema.get("anyOf", ()):
        _put_nulls(value, choice, schemas)
    if isinstance(value, list):
        for one in value:
            _put_nulls(one, schema.get("items", {}), schemas)
    if isinstance(value, dict) and "properties" in schema:
        for name in schema.get("required", ()):
            value.setdefault(name, None)
        for name, one in value.items():
            _put_nulls(one, schema["properties"].get(name, {}), schemas)
