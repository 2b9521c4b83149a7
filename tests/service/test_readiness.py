"""What /readyz says, and whether questions are let in, are the same at every moment of a start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.config import LLMSettings, Settings
from app.index.indexer import IndexReport, IndexRequest, Progress
from app.main import create_app
from app.runtime import Core, open_core
from tests.answering.scripted_model import ScriptedModel

QUESTION = {"question": "Which port does the Lumen server listen on?"}


@pytest.mark.parametrize("served", [True, False])
async def test_who_is_ready_lets_questions_in(
    served: bool, settings: Settings, docs: Path, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, looked = asyncio.Event(), asyncio.Event()
    index = Core.index_handbook

    async def slow_index(core: Core, report: Callable[[Progress], None]) -> IndexReport | None:
        looked.set()
        await go_on.wait()
        return await index(core, report)

    monkeypatch.setattr(Core, "index_handbook", slow_index)
    monkeypatch.setattr("app.runtime.HANDBOOK", docs)
    settings = settings.model_copy(update={"llm": LLMSettings(base_url=model.base_url)})
    if served:
        async with open_core(settings) as core:
            await core.indexer.index(IndexRequest((docs,)), lambda _: None)
    app = create_app(settings)
    headers = {"Authorization": f"Bearer {app.state.token}"}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers) as client,
    ):
        await looked.wait()
        assert (await client.get("/readyz")).status_code == (200 if served else 503)
        asked = await client.post("/api/v1/chat/messages", json=QUESTION)
        assert asked.status_code == (200 if served else 503), asked.text
        go_on.set()
        while (await client.get("/readyz")).status_code != 200:
            pass
        assert (await client.post("/api/v1/chat/messages", json=QUESTION)).status_code == 200
