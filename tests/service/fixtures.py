"""What tests of the running service start from; the folders' conftest files take it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.answering.lumen import write_pages
from tests.answering.scripted_model import ScriptedModel
from tests.service.serving import Service, docent


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the docs of Lumen, indexed by `docent index`."""
    folder = tmp_path_factory.mktemp("indexed")
    done = docent(folder / "data", "index", str(write_pages(folder / "lumen")))
    assert done.returncode == 0, done.stderr
    return folder / "data"


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
def serve(indexed: Path, model: ScriptedModel, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services with the scripted model on Lumen's index, by their settings."""
    with ExitStack() as stack:

        def started(**settings: str) -> Service:
            service = Service(tmp_path, indexed, LLM__BASE_URL=model.base_url, **settings)
            return stack.enter_context(service)

        yield started


@pytest.fixture(scope="module")
def real_service(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the real engine."""
    with Service(tmp_path_factory.mktemp("real"), indexed) as service:
        yield service
