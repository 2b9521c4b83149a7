from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.schema.known import Known, known_service
from tests.service.fixtures import indexed

__all__ = ["indexed", "known"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test of each route is known by the route: of tests with one id, pytest-xdist runs the first only."""
    for item in items:
        if item.name.startswith("test_route_does_as_described"):
            item._nodeid = f"{item.nodeid.rpartition('::')[0]}::{item.name}"


@pytest.fixture(scope="package")
def known(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    with known_service(tmp_path_factory.mktemp("known"), indexed) as opened:
        yield opened
