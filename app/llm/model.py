"""The chat model that the settings name: an endpoint of somebody else's, or the engine of our own."""

from __future__ import annotations

from dataclasses import dataclass

from app.config import Settings
from app.llm.client import ChatClient
from app.llm.embedded.process import EmbeddedEngine


@dataclass(frozen=True, slots=True)
class Model:
    """A client, and the engine behind it where it is ours."""

    client: ChatClient
    engine: EmbeddedEngine | None

    async def start(self) -> None:
        """Returns when questions can be asked. Raises ConfigurationError or EngineUnavailable."""
        if self.engine is not None:
            await self.engine.start()
        await self.client.ready()

    async def close(self) -> None:
        await self.client.aclose()
        if self.engine is not None:
            await self.engine.stop()


def build_model(settings: Settings) -> Model:
    """The endpoint of DOCENT_LLM__BASE_URL, else the embedded engine. Nothing is started yet."""
    if settings.llm.base_url:
        base_url, api_key, engine = settings.llm.base_url, settings.llm.api_key.get_secret_value(), None
    else:
        engine = EmbeddedEngine(settings.engine, settings.data_dir)
        base_url, api_key = engine.base_url, engine.api_key
    client = ChatClient(
        base_url=base_url,
        api_key=api_key,
        model=settings.llm.model,
        timeout_seconds=settings.llm.timeout_seconds,
        early_usage=engine is not None,
    )
    return Model(client, engine)
