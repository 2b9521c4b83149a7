"""A running service with Lumen's docs under a URL, an API key for it, and OpenAI's own client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests.answering.lumen import write_pages
from tests.answering.scripted_model import ScriptedModel
from tests.postgresql import databases
from tests.service.fixtures import indexed, serve
from tests.service.serving import Service, docent

__all__ = ["indexed", "serve"]

DOCS = "https://docs.example.org"


@pytest.fixture(scope="package")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the docs of Lumen, which are served under DOCS."""
    folder = tmp_path_factory.mktemp("linked")
    done = docent(folder / "data", "index", str(write_pages(folder / "lumen")), "--base-url", DOCS)
    assert done.returncode == 0, done.stderr
    return folder / "data"


@pytest.fixture(scope="package")
def shared_model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="package")
def shared_service(
    linked: Path, shared_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with Service(
        tmp_path_factory.mktemp("openai"),
        linked,
        LLM__BASE_URL=shared_model.base_url,
        LIMITS__QUESTIONS_PER_KEY="10000/minute",
        LIMITS__REQUESTS_PER_ADDRESS="10000/minute",
    ) as service:
        yield service


@pytest.fixture
def model(shared_model: ScriptedModel) -> ScriptedModel:
    shared_model.replies.clear()
    shared_model.requests.clear()
    shared_model.abandoned.clear()
    return shared_model


@pytest.fixture
def service(shared_service: Service, model: ScriptedModel) -> Service:
    assert not model.requests
    return shared_service


def create_key(service: Service, scope: str) -> str:
    done = docent(service.data_dir, "key", "create", "--scope", scope, "--name", "test")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="package")
def key(shared_service: Service) -> str:
    return create_key(shared_service, "chat")


@pytest.fixture
def client(service: Service, key: str) -> Iterator[openai.OpenAI]:
    """OpenAI's own client."""
    with (
        httpx.Client(timeout=120, trust_env=False) as http,
        openai.OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0, http_client=http) as made,
    ):
        yield made


@pytest.fixture
def http(service: Service, key: str) -> Iterator[httpx.Client]:
    """A client that sends what it is told to."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=120, trust_env=False) as made:
        yield made


def rows(service: Service, query: str, *values: str) -> list[tuple[str, ...]]:
    """What the database of `service` says."""
    return databases.rows(service.data_dir, query, *values)
