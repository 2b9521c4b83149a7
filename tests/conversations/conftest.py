from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import VisitedService
from tests.service.fixtures import indexed, model, real_service, serve

__all__ = ["indexed", "model", "real_service", "serve"]


@pytest.fixture(scope="package")
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model


@pytest.fixture(scope="package")
def shared_service(
    indexed: Path, scripted: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VisitedService]:
    folder = tmp_path_factory.mktemp("conversations")
    with VisitedService(folder, indexed, LLM__BASE_URL=scripted.base_url, SERVER__RESUME_SECONDS="60") as service:
        yield service


@pytest.fixture
def visited(shared_service: VisitedService, scripted: ScriptedModel) -> VisitedService:
    """The service, with a model that has nothing to say yet."""
    scripted.replies.clear()
    scripted.requests.clear()
    scripted.respond = None
    scripted.abandoned.clear()
    return shared_service


@pytest.fixture
def visitor(visited: VisitedService) -> Iterator[httpx.Client]:
    """A new visitor of the docs."""
    with visited.browser() as client:
        yield client
