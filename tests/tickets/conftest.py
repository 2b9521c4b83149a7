from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import VisitedService
from tests.service.fixtures import indexed, model, serve
from tests.service.serving import Service

__all__ = ["asked_model", "indexed", "model", "serve", "tickets"]


@pytest.fixture(scope="module")
def shared_model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def shared_service(
    indexed: Path, shared_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VisitedService]:
    folder = tmp_path_factory.mktemp("tickets")
    settings = {"LLM__BASE_URL": shared_model.base_url, "TICKETS__TICKETS_PER_KEY": "1000000/minute"}
    with VisitedService(folder, indexed, **settings) as service:
        yield service


@pytest.fixture
def asked_model(shared_model: ScriptedModel) -> ScriptedModel:
    """That of `tickets`, with nothing left of the test before."""
    shared_model.replies.clear()
    shared_model.requests.clear()
    shared_model.respond = None
    return shared_model


@pytest.fixture
def tickets(shared_service: VisitedService, asked_model: ScriptedModel) -> VisitedService:
    """One service for the tests of a module."""
    assert not asked_model.requests
    return shared_service


Serve = Callable[..., Service]
