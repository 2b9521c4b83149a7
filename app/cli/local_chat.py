"""Answers in this process: a LocalDocent with a model. Apart from it, for indexing needs no model's client."""

from __future__ import annotations

from typing import Any

from app.answering.answerer import Answerer
from app.chat.service import ChatService
from app.cli.local import LocalDocent
from app.config import Settings
from app.llm.model import build_model


class LocalChat(LocalDocent):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._chat: ChatService | None = None

    def ask(self, question: str) -> dict[str, Any]:
        """The Answer as JSON values; the engine is started for the first one."""
        return self._runner.run(self._answered(question))

    async def _answered(self, question: str) -> dict[str, Any]:
        chat = self._chat or await self._open_chat()
        return (await chat.answer(question, None)).model_dump(mode="json")

    async def _open_chat(self) -> ChatService:
        core = self._core_opened or await self._open_core()
        await core.library.current()  # without an index no engine is started
        model = build_model(self._settings)
        self._opened.push_async_callback(model.close)
        await model.start()
        answerer = Answerer(self._settings.answering, core.library, model.client)
        self._chat = ChatService(self._settings, core.database, answerer)
        return self._chat
