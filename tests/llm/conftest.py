from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest

from app.config import EngineSettings
from app.llm.embedded.process import EmbeddedEngine

T = TypeVar("T")
CONTEXT = 2048


class BackgroundLoop:
    """An event loop in a thread: the engine outlives the loop of a single test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="session")
def engine_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for the session, so that the model is converted once."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="session")
def background() -> Iterator[BackgroundLoop]:
    loop = BackgroundLoop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def engine(engine_data: Path, background: BackgroundLoop) -> Iterator[EmbeddedEngine]:
    """The real engine with the packaged model: 2 at a time, 2 more may wait."""
    settings = EngineSettings(context_tokens=CONTEXT, max_running=2, max_queue=2)
    engine = EmbeddedEngine(settings, engine_data)
    background.run(engine.start())
    yield engine
    background.run(engine.stop())


@pytest.fixture(scope="session")
def openai_client(engine: EmbeddedEngine) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=engine.base_url, api_key=engine.api_key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def model(openai_client: openai.OpenAI) -> str:
    return openai_client.models.list().data[0].id


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something that will be true, however long the machine takes."""

    def wait(holds: Callable[[], bool]) -> None:
        pause = threading.Event()
        while not holds():
            pause.wait(0.02)

    return wait
