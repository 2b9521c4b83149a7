from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.config import AnsweringSettings, EmbeddingSettings, EngineSettings, Settings
from app.index.embedding import Embedder
from app.index.indexer import IndexRequest
from app.llm.client import ChatClient
from app.llm.embedded.process import EmbeddedEngine
from app.runtime import Core, open_core
from tests.answering.asking import Asking
from tests.answering.lumen import write_pages
from tests.answering.scripted_model import ScriptedModel


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(EmbeddingSettings(), tmp_path_factory.mktemp("embedder"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lumen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Core]:
    """An open index of the docs of Lumen, for all tests of the session."""
    folder = tmp_path_factory.mktemp("lumen")
    async with open_core(Settings(data_dir=folder / "data")) as core:
        await core.indexer.index(IndexRequest((write_pages(folder / "lumen"),)), lambda _: None)
        yield core


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A model that says what the test tells it to, behind real HTTP."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest_asyncio.fixture(loop_scope="session")
async def asking(lumen: Core, model: ScriptedModel) -> AsyncIterator[Asking]:
    """The Answerer on Lumen's index with the scripted model."""
    async with Asking.of(lumen, model.base_url, AnsweringSettings()) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedEngine]:
    """The real engine with the packaged model."""
    engine = EmbeddedEngine(EngineSettings(), tmp_path_factory.mktemp("engine"))
    await engine.start()
    yield engine
    await engine.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def small_model(engine: EmbeddedEngine) -> AsyncIterator[ChatClient]:
    client = ChatClient(base_url=engine.base_url, api_key=engine.api_key, model="", timeout_seconds=120)
    yield client
    await client.aclose()
