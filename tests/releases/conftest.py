from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import VisitedService
from tests.service.fixtures import indexed
from tests.sources.operating import Operator
from tests.sources.test_chats_through_reindexing import say, write_edition

__all__ = ["indexed"]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        scripted.respond = say
        yield scripted


@pytest.fixture
def operator(model: ScriptedModel, indexed: Path, tmp_path: Path) -> Iterator[Operator]:
    """A service whose docs are of edition one, in `tmp_path / "pages"`."""
    pages = tmp_path / "pages"
    write_edition(pages, "one")
    settings = {"LLM__BASE_URL": model.base_url, "ANSWERING__ANSWERABLE_THRESHOLD": "0.01", "EMBEDDING__THREADS": "1"}
    with VisitedService(tmp_path, indexed, **settings) as service:
        made = Operator(service)
        with made.http:
            made.add("port", pages)
            made.run("port")
            made.delete("lumen")
            yield made
