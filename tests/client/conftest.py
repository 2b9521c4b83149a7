from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import GOOD
from tests.client.calling import api_key, opened
from tests.client.relay import Relay
from tests.service.fixtures import indexed
from tests.service.serving import Service

__all__ = ["indexed", "model", "service"]

SCOPES = ("chat", "tickets", "admin")


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        scripted.respond = lambda _: GOOD
        yield scripted


@pytest.fixture(scope="module")
def service(indexed: Path, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("client")
    settings = {"LLM__BASE_URL": model.base_url, "TICKETS__CALLBACK_HOSTS": "127.0.0.1"}
    with Service(folder, indexed, **settings) as started:
        yield started


@pytest.fixture(scope="module")
def keys(service: Service) -> dict[str, str]:
    return {scope: api_key(service, scope) for scope in SCOPES}


@pytest.fixture
def relay(service: Service) -> Iterator[Relay]:
    with Relay(service.url) as started:
        yield started


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, keys: dict[str, str], relay: Relay) -> Iterator[Callable[..., Any]]:
    """Makes clients by the scope of their key; before the relay, where no other address is given."""
    with asyncio.Runner() as runner:
        made: list[Any] = []

        def make(scope: str, url: str = "", **settings: Any) -> Any:
            made.append(opened(request.param, runner, url or relay.url, keys.get(scope, scope), **settings))
            return made[-1]

        yield make
        for one in made:
            one.close()
