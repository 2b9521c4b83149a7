from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.schema.known import Known, known_service
from tests.service.fixtures import indexed

__all__ = ["indexed", "known"]


@pytest.fixture(scope="package")
def known(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    with known_service(tmp_path_factory.mktemp("known"), indexed) as opened:
        yield opened
