from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest

from app.index.readers import UnreadableFile
from app.index.section import Section

Read = Callable[..., list[Section]]

OPENAPI = """
openapi: 3.0.0
info: {title: Pets, version: 1.0.0, description: An API.}
tags: [{name: Animals, description: All of them.}]
paths:
  /pets/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}, description: Which pet.}
    post:
      tags: [Animals]
      operationId: setPet
      summary: Change a pet
      description: Changes it.
      parameters:
        - $ref: '#/components/parameters/Dry'
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Pet'}
            example: {name: Rex}
      responses:
        '200': {description: Changed}
        default: {$ref: '#/components/responses/Bad'}
  /health:
    get: {summary: Health, responses: {}}
components:
  parameters:
    Dry: {name: dry, in: query, schema: {type: boolean, default: false}}
  responses:
    Bad: {description: Refused}
  schemas:
    Pet:
      type: object
      description: A pet.
      required: [name]
      properties:
        name: {type: string, description: Its name.}
        kind: {type: string, enum: [cat, dog], default: cat}
        parent: {$ref: '#/components/schemas/Pet'}
        friends: {type: array, items: {$ref: '#/components/schemas/Pet'}}
    Loop: {$ref: '#/components/schemas/Loop'}
"""


def test_operations_and_schemas(read: Read) -> None:
    sections = {section.heading_path: section for section in read("api.yaml", OPENAPI)}
    assert list(sections) == [
        (),
        ("Animals",),
        ("Animals", "POST /pets/{id}"),
        ("Operations", "GET /health"),
        ("Schemas", "Pet"),
        ("Schemas", "Loop"),
    ]
    operation = sections["Animals", "POST /pets/{id}"]
    assert operation.title == "Pets"
    assert operation.url == "https://docs.example.org/api.yaml#setPet"
    assert operation.text == (
        "Change a pet\n\nChanges it.\n\nParameters:\n- `id` (integer, path, required): Which pet.\n"
        "- `dry` (boolean, query, default false)\n\nRequest body (application/json, Pet, required):\n"
        '- `name` (string, required): Its name.\n- `kind` (string, default "cat", one of "cat", "dog")\n'
        "- `parent` (Pet): A pet.\n- `friends` (array of Pet)\n\n"
        'Example:\n```json\n{\n  "name": "Rex"\n}\n```\n\nResponse 200: Changed\n\nResponse default: Refused'
    )
    assert sections["Schemas", "Pet"].text.startswith("A pet.\n\n- `name` (string, required): Its name.\n")


def test_swagger_as_json(read: Read) -> None:
    document = {
        "swagger": "2.0",
        "info": {"title": "Old"},
        "paths": {
            "/a": {
                "get": {
                    "parameters": [
                        {"name": "q", "in": "query", "type": "string", "enum": ["x"]},
                        {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/B"}},
                    ],
                    "responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/B"}}},
                }
            }
        },
        "definitions": {"B": {"properties": {"n": {"type": "integer", "format": "int64"}}}},
    }
    operation, schema = read("api.json", json.dumps(document))
    assert operation.text == (
        'Parameters:\n- `q` (string, query, one of "x")\n\nRequest body (B):\n- `n` (integer (int64))\n\n'
        "Response 200 (B): OK\n- `n` (integer (int64))"
    )
    assert (schema.heading_path, schema.text) == (("Schemas", "B"), "- `n` (integer (int64))")


def test_alias_bomb(read: Read) -> None:
    names = "abcdefgh"
    lines = ["openapi: 3.0.0", "a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{n}: &{n} [{','.join([f'*{o}'] * 10)}]" for o, n in pairwise(names)]
    with pytest.raises(UnreadableFile, match="aliases"):
        read("api.yaml", "\n".join(lines))


@pytest.mark.parametrize(
    "content",
    [
        "openapi: 3.0.0\npaths: [unclosed",
        "openapi: 3.0.0\na: !!python/object:os.system x",
        "openapi: 3.0.0\na: &a [*a]",
        "openapi: 3.0.0\na: " + "[" * 5000,
        "openapi: 3.0.0\nd: 2024-02-31",
        '{"openapi": "3.0.0", ',
    ],
)
def test_broken_documents(read: Read, content: str) -> None:
    with pytest.raises(UnreadableFile, match="OpenAPI document") as caught:
        read("api.yaml", content)
    assert "\n" not in str(caught.value)


def test_odd_documents_do_not_crash(read: Read) -> None:
    content = (
        "openapi: 3.0.0\ninfo: x\npaths: {/a: {get: {tags: 1, parameters: x, responses: []}, post: 3}}\ncomponents: []"
    )
    assert read("api.yaml", content) == []
