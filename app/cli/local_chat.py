"""Answers in this process: a LocalDocent with a model. Apart from it, for indexing needs no model's client."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from app.answering.answerer import Answerer
from app.auth.principal import LOCAL
from app.cli.local import LocalDocent, OnProgress
from app.config import Settings
from app.conversations.service import Conversations, NewQuestion
from app.errors import EngineUnavailable
from app.jobs.precedence import Precedence
from app.llm.model import Models, build_model
from app.metrics import Metrics
from app.releases.bundles import ReleaseBundles


class LocalChat(LocalDocent):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._chat: Conversations | None = None

    def ask(self, question: str) -> dict[str, Any]:
        """The Answer as JSON values; the engine is started for the first one. Without one it is extractive."""
        return self._runner.run(self._answered(question))

    def prepare(self, on_progress: OnProgress) -> dict[str, Any] | None:
        """Index the handbook where nothing else is indexed, and convert the model; the report of the former."""
        return self._runner.run(self._prepared(on_progress))

    async def _prepared(self, on_progress: OnProgress) -> dict[str, Any] | None:
        core = self._core_opened or await self._open_core()
        report = await core.index_handbook(lambda progress: on_progress(asdict(progress)))
        model = build_model(self._settings)
        self._opened.push_async_callback(model.close)
        await model.start()
        return None if report is None else report.model_dump(mode="json")

    async def _answered(self, question: str) -> dict[str, Any]:
        chat = self._chat or await self._open_chat()
        return (await chat.answer(LOCAL, NewQuestion(question, "cli"))).model_dump(mode="json")

    async def _open_chat(self) -> Conversations:
        core = self._core_opened or await self._open_core()
        await core.library.current()  # without an index no engine is started
        model = build_model(self._settings)
        self._opened.push_async_callback(model.close)
        try:
            await model.start()
        except EngineUnavailable as error:  # as the service does, which answers from the docs alone then
            typer.echo(f"docent: {error.detail} Answers are nothing but quotes.", err=True)
        models = Models(self._settings, model)
        self._opened.push_async_callback(models.close)
        answerer = Answerer(ReleaseBundles(self._settings.answering, core.database, models), core.library)
        self._chat = Conversations(self._settings, core.database, answerer, Metrics(), Precedence(0))
        self._opened.push_async_callback(self._chat.close)
        return self._chat
