"""Whatever is sent to a route: no 5xx, and no status, media type, header or body that the description has not.

The requests are schemathesis': the examples, the borders of every parameter, and what hypothesis makes up. They are
the same at every run.
"""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig

from app.config import Settings
from app.main import create_app
from tests.chat.visiting import DOCS, SESSIONS
from tests.schema.known import Known, SignedBody

DESCRIPTION = create_app(Settings(data_dir=Path(tempfile.gettempdir()) / "none")).openapi()
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(default=ProjectConfig(generation=GenerationConfig(deterministic=True, database="none")))
)
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION, config=CONFIG)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
INDEX, SOURCES = "/api/v1/admin/index", "/api/v1/admin/sources"
PUSH = "/api/v1/sources/{name}/push"


@SCHEMA.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_route_does_as_described(case: schemathesis.Case, known: Known) -> None:
    _aim(case, known)
    scopes = [scope for one in case.operation.definition.raw.get("security", ()) for scope in one["bearer"]]
    headers = {"Authorization": f"Bearer {known.keys[scopes[0]]}"} if scopes else {}
    if case.path == SESSIONS:
        headers["Origin"] = DOCS
    signed = {"auth": SignedBody()} if "/adapters/" in case.path else {}
    if case.path == PUSH:
        signed = {"auth": SignedBody(known.push_secret)}
    got = case.call_and_validate(base_url=known.url, headers=headers, checks=CHECKS, timeout=60, **signed)
    known.statuses.setdefault(case.operation.label, set()).add(got.status_code)


def _aim(case: schemathesis.Case, known: Known) -> None:
    """Half of the requests are about what exists; and nothing of this machine is indexed."""
    if isinstance(case.path_parameters, dict):
        for name, value in case.path_parameters.items():
            number = zlib.crc32(repr((value, case.body, case.query)).encode())
            there = known.ids.get(f"{case.method.upper()} {name}") or known.ids.get(name)
            if number % 2 and there:
                case.path_parameters[name] = there[number // 2 % len(there)]
    if case.path == SESSIONS and isinstance(case.body, dict) and isinstance(case.body.get("site_key"), str):
        case.body["site_key"] = known.ids["site_key"][0]
    if case.path == INDEX and isinstance(case.body, dict):
        case.body["paths"] = _below(case.body.get("paths"), known.folder)
    if case.path.startswith(SOURCES) and isinstance(case.body, dict) and isinstance(case.body.get("location"), str):
        _place(case.body, known)


def _place(body: dict[str, Any], known: Known) -> None:
    """A source of this machine, of the folder that is there, or of none."""
    if body.get("kind") == "website":
        body["location"] = "http://127.0.0.1:9/"  # nobody answers there
    elif body["location"] and body.get("kind") in ("folder", "git", None):  # it may be unhashable
        number = zlib.crc32(repr(body).encode())
        exists = number % 2
        body["location"] = str(known.pages) if exists else f"{known.folder}/{number}"
        if exists and body.get("kind") is not None:
            body.update(kind="folder", branch="", subfolder="")  # the examples are all of git


def _below(value: Any, folder: Path) -> Any:
    """Every text in `value` as a path below `folder`, which does not exist."""
    if isinstance(value, list):
        return [_below(one, folder) for one in value]
    return f"{folder}/{value.replace('/', '-').replace('.', '-')}" if isinstance(value, str) else value


def test_service_gives_the_description_that_was_tested(known: Known) -> None:
    assert httpx.get(f"{known.url}/openapi.json", trust_env=False).json() == DESCRIPTION


def test_every_route_was_reached_and_did_its_work(known: Known) -> None:
    """Last, for it looks at what the tests before it got."""
    routes = {f"{method.upper()} {path}" for path, methods in DESCRIPTION["paths"].items() for method in methods}
    assert set(known.statuses) == routes
    assert {route for route, got in known.statuses.items() if min(got) >= 300} == set()


def test_examples_fit_their_schemas() -> None:
    checked = 0
    for methods in DESCRIPTION["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    if "example" in content and "schema" in content:
                        _check(content["example"], content["schema"])
                        checked += 1
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            _check(example, {"$ref": f"#/components/schemas/{name}"})
            checked += 1
    assert checked > 100


def _check(example: Any, schema: dict[str, Any]) -> None:
    jsonschema_rs.validator_for({**schema, "components": DESCRIPTION["components"]}).validate(example)


def test_description_says_what_every_route_needs() -> None:
    public = {"/api/v1/chat/sites/{site_key}", "/api/v1/chat/sessions", "/livez", "/readyz"}
    scopes = {"/api/v1/chat": "chat", "/v1": "chat", "/api/v1/tickets": "tickets", "/api/v1/admin": "admin"}
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            needed = next((scope for start, scope in scopes.items() if path.startswith(start)), "admin")
            is_open = path in public or path.startswith(("/api/v1/adapters", "/api/v1/sources"))
            assert operation.get("security") == (None if is_open else [{"bearer": [needed]}]), f"{method} {path}"
