"""The chat model that the settings name: an endpoint of somebody else's, or the engine of our own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.errors import ConfigurationError
from app.llm.client import ChatClient, Message
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


class Models:
    """The model of the settings, and those that releases name: each is begun when it is first asked for, and stays."""

    def __init__(self, settings: Settings, default: Model) -> None:
        self._settings = settings
        self._default = default
        self._others: dict[str, Model] = {}
        self._starting = asyncio.Lock()

    async def client_of(self, name: str) -> ChatClient:
        """name: '' for the settings' own; of the endpoint's models, or a GGUF file for the embedded engine.

        Raises ConfigurationError where there is no such file or model, EngineUnavailable where it does not start.
        """
        if not name:
            return self._default.client
        async with self._starting:
            if name not in self._others:
                model = build_model(self._named(name))
                try:
                    await model.start()
                    # An endpoint lists its models, or not; whether it serves one shows when it is asked.
                    await model.client.complete([Message("user", "Hello")], temperature=0, max_tokens=1)
                except BaseException:
                    await model.close()
                    raise
                self._others[name] = model
            return self._others[name].client

    async def close(self) -> None:
        for model in self._others.values():
            await model.close()
        self._others.clear()

    def _named(self, name: str) -> Settings:
        settings = self._settings
        if settings.llm.base_url:
            return settings.model_copy(update={"llm": settings.llm.model_copy(update={"model": name})})
        path = Path(name)
        if not path.is_file():
            raise ConfigurationError(
                f"there is no file {name}: the embedded engine takes a GGUF file as a release's model"
            )
        return settings.model_copy(update={"engine": settings.engine.model_copy(update={"model": path})})


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
