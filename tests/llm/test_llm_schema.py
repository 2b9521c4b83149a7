from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from app.llm.embedded.schema import SchemaRefused, checked_schema


class Claim(BaseModel):
    text: str
    marker: int | None = None


class Answer(BaseModel):
    claims: list[Claim]
    sure: bool


def test_a_pydantic_model_passes_with_its_references_written_out() -> None:
    checked = json.loads(checked_schema(Answer.model_json_schema()))
    assert "$ref" not in json.dumps(checked)
    claim = checked["properties"]["claims"]["items"]
    assert claim["required"] == ["text"]
    assert claim["properties"]["marker"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}


RECURSIVE = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}
WIDE = {"type": "object", "properties": {f"p{i}": {"type": "null"} for i in range(300)}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (None, "must be an object"),
        (False, "must be an object"),
        ([], "must be an object"),
        ({}, "type"),
        ({"type": "foo"}, "must be one of"),
        ({"type": []}, "must be one of"),
        ({"type": "string", "pattern": "("}, "pattern is not supported"),
        ({"type": "string", "format": "date"}, "format is not supported"),
        ({"type": "string", "maxLength": 2000}, "from 0 to 32"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "minLength is greater"),
        ({"type": "string", "minLength": True}, "whole number"),
        ({"type": "string", "minLength": None}, "whole number"),
        ({"type": "integer", "minimum": 1.5}, "whole number"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum is greater"),
        ({"type": "number", "maximum": 1}, "maximum is not supported"),
        ({"type": "array"}, "schema.items: must be an object"),
        ({"type": "object", "properties": 3}, "properties"),
        ({"type": "object", "properties": {'a"b': {"type": "null"}}}, "without quotes"),
        ({"type": "object", "required": ["a"]}, "required"),
        ({"type": "object", "additionalProperties": {}}, "additionalProperties"),
        ({"enum": []}, "1 to 256"),
        ({"enum": [1.5]}, "only plain strings"),
        ({"const": "a\x00"}, "only plain strings"),
        ({"const": {"a": 1}}, "only plain strings"),
        ({"anyOf": []}, "list of schemas"),
        ({"$ref": "#/nope"}, "only references"),
        ({"$ref": "https://example.com/schema"}, "only references"),
        (RECURSIVE, "levels"),
        (WIDE, "parts"),
    ],
)
def test_what_the_pipeline_may_choke_on_is_refused_by_name(schema: Any, said: str) -> None:
    with pytest.raises(SchemaRefused, match=said):
        checked_schema(schema)
