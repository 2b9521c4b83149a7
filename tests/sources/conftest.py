from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runtime import Core
from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import GOOD, VisitedService
from tests.service.fixtures import indexed
from tests.sources.operating import Desk, Operator, desk_of, write_folder

__all__ = ["indexed"]


@pytest.fixture
def desk(core: Core) -> Desk:
    return desk_of(core)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder of three pages."""
    return write_folder(tmp_path / "pages")


@pytest.fixture(scope="package")
def _running(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    settings = {"FETCHING__REQUESTS_PER_SECOND": "200", "FETCHING__TIMEOUT_SECONDS": "30", "EMBEDDING__THREADS": "1"}
    with ScriptedModel() as model:
        model.respond = lambda _: GOOD
        folder = tmp_path_factory.mktemp("operated")
        with VisitedService(folder, indexed, LLM__BASE_URL=model.base_url, **settings) as service:
            operator = Operator(service)
            with operator.http:
                yield operator


@pytest.fixture
def operator(_running: Operator) -> Iterator[Operator]:
    """One for all tests; each leaves it with the docs of Lumen alone."""
    with _running.passing_sources():
        yield _running
