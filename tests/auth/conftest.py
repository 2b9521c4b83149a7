from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.db import Database, open_database
from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import GOOD, VisitedService
from tests.service.fixtures import indexed, model, serve

__all__ = ["indexed", "model", "serve"]


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """An empty one at the newest schema."""
    opened = open_database(settings)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture(scope="package")
def visited(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedService]:
    """A service whose model always says the same."""
    with ScriptedModel() as model:
        model.respond = lambda _: GOOD
        with VisitedService(tmp_path_factory.mktemp("visited"), indexed, LLM__BASE_URL=model.base_url) as service:
            yield service
