"""OpenAPI 3 and Swagger 2: a section for each operation and for each schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from app.index.readers.markdown_text import fence
from app.index.readers.openapi_schema import References, example_of, fields_of, line, type_of
from app.index.readers.page import Outline, Page, UnreadableFile
from app.index.readers.safe_yaml import TooLarge, load_yaml
from app.index.readers.urls import Slugger

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


def read_openapi(text: str, fallback_title: str, *, is_json: bool) -> Page:
    """The operations under their first tag, then the schemas. `$ref` is followed inside the document only."""
    document = _load(text, is_json=is_json)
    info = _mapping(document.get("info"))
    title = line(info.get("title")) or fallback_title
    outline = Outline(title)
    anchors = Slugger()
    outline.text("\n\n".join(_overview(document, info)))
    references = References(document)
    for tag, operations in _by_tag(document, references).items():
        outline.heading(2, tag, anchors.slug(tag))
        outline.text(_tag_description(document, tag))
        for name, operation, shared in operations:
            outline.heading(3, name, _operation_anchor(operation, name, anchors))
            outline.text("\n\n".join(_operation(operation, shared, references)))
    schemas = _schemas(document)
    if schemas:
        outline.heading(2, "Schemas", anchors.slug("Schemas"))
    for name, schema in schemas.items():
        outline.heading(3, str(name), anchors.slug(str(name)))
        outline.text("\n\n".join(_schema(schema, references)))
    return outline.page(title)


def _load(text: str, *, is_json: bool) -> dict[str, Any]:
    try:
        document = json.loads(text) if is_json else load_yaml(text)
    except yaml.MarkedYAMLError as error:
        at = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnreadableFile(f"The OpenAPI document is not valid YAML: {error.problem}{at}.") from error
    except (ValueError, yaml.YAMLError) as error:
        raise UnreadableFile(f"The OpenAPI document is not valid: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise UnreadableFile("The OpenAPI document is nested too deeply.") from error
    except TooLarge as error:
        raise UnreadableFile(f"The OpenAPI document is refused: {error}.") from error
    if not isinstance(document, dict) or not ("openapi" in document or "swagger" in document):
        raise UnreadableFile("The file is no OpenAPI document.")
    return document


def _overview(document: dict[str, Any], info: dict[str, Any]) -> Iterator[str]:
    yield str(info.get("description") or info.get("summary") or "").strip()
    version = line(info.get("version") or document.get("version"))
    if version:
        yield f"Version: {version}"
    servers = [line(server.get("url")) for server in _mappings(document.get("servers"))]
    if document.get("host"):
        servers.append(f"{document['host']}{document.get('basePath', '')}")
    if any(servers):
        yield "Servers: " + ", ".join(filter(None, servers))


_Operation = tuple[str, dict[str, Any], list[Any]]


def _by_tag(document: dict[str, Any], references: References) -> dict[str, list[_Operation]]:
    """Operations by their first tag: 'METHOD /path', the operation, and the parameters of its path."""
    found: dict[str, list[_Operation]] = {}
    for path, item in _mapping(document.get("paths")).items():
        resolved = references.resolve(item)
        for method in _METHODS:
            operation = references.resolve(resolved.get(method))
            if operation:
                tags = operation.get("tags")
                tag = line(tags[0]) if isinstance(tags, list) and tags else "Operations"
                shared = resolved.get("parameters")
                entry = (f"{method.upper()} {path}", operation, shared if isinstance(shared, list) else [])
                found.setdefault(tag, []).append(entry)
    return found


def _operation_anchor(operation: dict[str, Any], name: str, anchors: Slugger) -> str:
    identifier = operation.get("operationId")
    return identifier if isinstance(identifier, str) and identifier else anchors.slug(name)


def _tag_description(document: dict[str, Any], tag: str) -> str:
    tags = _mappings(document.get("tags"))
    return next((str(entry.get("description") or "") for entry in tags if entry.get("name") == tag), "")


def _operation(operation: dict[str, Any], shared: list[Any], references: References) -> Iterator[str]:
    yield line(operation.get("summary"))
    yield str(operation.get("description") or "").strip()
    if operation.get("deprecated") is True:
        yield "Deprecated."
    own = operation.get("parameters")
    parameters = [references.resolve(each) for each in [*shared, *(own if isinstance(own, list) else [])]]
    bodies = [each for each in parameters if each.get("in") == "body"]
    listed = [_parameter(each, references) for each in parameters if each and each not in bodies]
    if listed:
        yield "Parameters:\n" + "\n".join(listed)
    body = references.resolve(operation.get("requestBody")) or (bodies[0] if bodies else {})
    if body:
        yield from _body("Request body", body, references)
    for status, response in _mapping(operation.get("responses")).items():
        resolved = references.resolve(response)
        yield from _body(f"Response {status}", resolved, references)
    yield from _code_samples(operation)


def _parameter(parameter: dict[str, Any], references: References) -> str:
    schema = references.resolve(parameter.get("schema")) or parameter
    notes = [type_of(schema, references), line(parameter.get("in"))]
    if parameter.get("required") is True:
        notes.append("required")
    if "default" in schema:
        notes.append(f"default {json.dumps(schema['default'], default=str)}")
    if isinstance(schema.get("enum"), list):
        notes.append("one of " + ", ".join(json.dumps(value, default=str) for value in schema["enum"]))
    described = line(parameter.get("description") or schema.get("description"))
    return f"- `{line(parameter.get('name'))}` ({', '.join(filter(None, notes))}): {described}".rstrip(": ")


def _body(name: str, body: dict[str, Any], references: References) -> Iterator[str]:
    """A request body or a response: its description, fields and example."""
    contents = _mapping(body.get("content"))
    kind, content = next(iter(contents.items()), ("", body))
    media = content if isinstance(content, dict) else {}
    schema = media.get("schema")
    notes = [str(kind), type_of(schema, references) if schema else ""]
    notes += ["required"] if body.get("required") is True else []
    shown = ", ".join(filter(None, notes))
    head = f"{name} ({shown})" if shown else name
    described = line(body.get("description"))
    yield "\n".join([f"{head}: {described}".rstrip() if described else f"{head}:", *fields_of(schema, references)])
    example = example_of(media, schema, references)
    if example is not None:
        yield _example(example)


def _code_samples(operation: dict[str, Any]) -> Iterator[str]:
    for sample in _mappings(operation.get("x-codeSamples") or operation.get("x-code-samples")):
        source = sample.get("source")
        if isinstance(source, str) and source.strip():
            language = line(sample.get("lang")).lower()
            yield "Example call:\n" + fence(source, {"curl": "bash", "shell": "bash"}.get(language, language))


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    return _mapping(_mapping(document.get("components")).get("schemas")) or _mapping(document.get("definitions"))


def _schema(schema: object, references: References) -> Iterator[str]:
    resolved = references.resolve(schema)
    yield str(resolved.get("description") or "").strip()
    fields = fields_of(schema, references)
    yield "\n".join(fields) if fields else f"Type: {type_of(schema, references)}"
    if resolved.get("enum") and fields:
        yield "One of: " + ", ".join(json.dumps(value, default=str) for value in resolved["enum"])
    if "example" in resolved:
        yield _example(resolved["example"])


def _example(example: object) -> str:
    if isinstance(example, str):
        return "Example:\n" + fence(example)
    return "Example:\n" + fence(json.dumps(example, indent=2, ensure_ascii=False, default=str), "json")


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
