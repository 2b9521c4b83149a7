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
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig

from app.config import Settings
from app.main import create_app
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
INDEX = "/api/v1/admin/index"


@SCHEMA.parametrize()
@settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_route_does_as_described(case: schemathesis.Case, known: Known) -> None:
    _aim(case, known)
    scopes = [scope for one in case.operation.definition.raw.get("security", ()) for scope in one["bearer"]]
    headers = {"Authorization": f"Bearer {known.keys[scopes[0]]}"} if scopes else {}
    signed = {"auth": SignedBody()} if "/adapters/" in case.path else {}
    case.call_and_validate(base_url=known.url, headers=headers, checks=CHECKS, timeout=60, **signed)


def _aim(case: schemathesis.Case, known: Known) -> None:
    """Half of the requests are about what exists; and nothing of this machine is indexed."""
    if isinstance(case.path_parameters, dict):
        for name, value in case.path_parameters.items():
            number = zlib.crc32(repr((value, case.body, case.query)).encode())
            if number % 2 and name in known.ids:
                case.path_parameters[name] = known.ids[name][number // 2 % len(known.ids[name])]
    if case.path == INDEX and isinstance(case.body, dict):
        case.body["paths"] = _below(case.body.get("paths"), known.folder)


def _below(value: Any, folder: Path) -> Any:
    """Every text in `value` as a path below `folder`, which does not exist."""
    if isinstance(value, list):
        return [_below(one, folder) for one in value]
    return f"{folder}/{value.replace('/', '-').replace('.', '-')}" if isinstance(value, str) else value


def test_service_gives_the_description_that_was_tested(known: Known) -> None:
    assert httpx.get(f"{known.url}/openapi.json", trust_env=False).json() == DESCRIPTION
