"""The models of an evaluation: an endpoint by its URL, a GGUF file, or a folder of safetensors."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urldefrag

import httpx

from app.config import Settings
from app.llm.client import ChatClient
from app.llm.embedded.process import EmbeddedEngine
from app.llm.embedded.weights import locate
from training.errors import SourceError
from training.fingerprint import folder_hash, weights_hash

_TIMEOUT = 600.0
_START_SECONDS = 600  # vLLM's CPU build takes 42 s on an idle machine of two cores
_POLL_SECONDS = 0.5
_PACKAGED = "packaged"
Kind = Literal["endpoint", "gguf", "safetensors"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """name: as the results call it. place: URL, path, or `packaged`. model: as an endpoint calls it, '' for its first.

    key_env: environment variable that holds an endpoint's key.
    """

    name: str
    kind: Kind
    place: str
    model: str = ""
    key_env: str = ""

    @property
    def identity(self) -> str:
        """What its cached scores are kept by: of files their content, of an endpoint what it is called there."""
        if self.kind == "endpoint":
            return f"{self.place}#{self.model}"
        if self.kind == "gguf":
            path = None if self.place == _PACKAGED else Path(self.place)
            return weights_hash(locate(path, "name a GGUF file in --models"))
        return folder_hash(Path(self.place), "*.safetensors", "*.json")


def read_models(text: str, keys: Mapping[str, str]) -> list[ServedModel]:
    """`none`, or name=place with commas between. keys: environment variables with the keys of endpoints, by name.

    A place is http(s)://…/v1, with #MODEL where the endpoint serves several, a .gguf file, `packaged`, or a folder.
    Raises SourceError with what is wrong.
    """
    if text.strip() == "none":
        return []
    models = [_model(part, keys) for part in text.split(",") if part.strip()]
    names = [one.name for one in models]
    if len(set(names)) < len(names):
        raise SourceError("--models: two models have one name")
    if unknown := set(keys) - set(names):
        raise SourceError(f"--key-env: there is no model {', '.join(sorted(unknown))} in --models")
    return models


def _model(part: str, keys: Mapping[str, str]) -> ServedModel:
    name, separator, place = part.strip().partition("=")
    if not separator or not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or not place:
        raise SourceError(f"--models: {part.strip()!r} is not name=URL or name=PATH (letters, digits, - _ . in names)")
    if place.startswith(("http://", "https://")):
        url, model = urldefrag(place)
        if keys.get(name) and keys[name] not in os.environ:
            raise SourceError(f"--key-env: the environment variable {keys[name]} is not set")
        return ServedModel(name, "endpoint", url.rstrip("/"), model, keys.get(name, ""))
    path = Path(place)
    if place == _PACKAGED or (path.suffix == ".gguf" and path.is_file()):
        return ServedModel(name, "gguf", place)
    if path.is_dir() and any(path.glob("*.safetensors")):
        return ServedModel(name, "safetensors", place)
    raise SourceError(f"--models: {name}: {place} is no URL, GGUF file, folder of safetensors, or `packaged`")


@asynccontextmanager
async def serve(model: ServedModel, folder: Path, vllm: Path) -> AsyncIterator[ChatClient]:
    """A client of the model, served for as long as the block lasts. vllm: the interpreter that has vLLM.

    folder: for what the embedded engine converts, and logs. Raises SourceError where vLLM is missing or does not start.
    """
    if model.kind == "endpoint":
        key = os.environ.get(model.key_env, "") if model.key_env else ""
        async with _client(model.place, key, model.model) as client:
            yield client
    elif model.kind == "gguf":
        path = None if model.place == _PACKAGED else Path(model.place)
        engine = EmbeddedEngine(Settings().engine.model_copy(update={"model": path}), folder)
        try:
            await engine.start()
            async with _client(engine.base_url, engine.api_key, "") as client:
                yield client
        finally:
            await engine.stop()
    else:
        async with _vllm(model, folder, vllm) as (url, key), _client(url, key, model.name) as client:
            yield client


@asynccontextmanager
async def _client(base_url: str, api_key: str, model: str) -> AsyncIterator[ChatClient]:
    client = ChatClient(base_url=base_url, api_key=api_key, model=model, timeout_seconds=_TIMEOUT)
    try:
        await client.ready()
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def _vllm(model: ServedModel, folder: Path, python: Path) -> AsyncIterator[tuple[str, str]]:
    """Base URL and key of a vLLM server on this machine."""
    _check_interpreter(python)
    key, port, log = secrets.token_urlsafe(16), _free_port(), folder / f"vllm-{model.name}.log"
    context = str(Settings().engine.context_tokens)
    words = ["--model", model.place, "--served-model-name", model.name, "--host", "127.0.0.1", "--port", str(port)]
    words += ["--max-model-len", context, "--generation-config", "vllm", "--enforce-eager"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    environment |= {"VLLM_API_KEY": key, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(python),
            "-m",
            "vllm.entrypoints.openai.api_server",
            *words,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        await _until_healthy(port, process, log)
        yield f"http://127.0.0.1:{port}/v1", key
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 60)


def _check_interpreter(python: Path) -> None:
    if not python.is_file():
        raise SourceError(f"there is no {python}: `make vllm-cpu` makes it, or name another interpreter with --vllm")


async def _until_healthy(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    waited = 0.0
    async with httpx.AsyncClient(trust_env=False) as client:
        while waited < _START_SECONDS:
            if process.returncode is not None:
                raise SourceError(f"vLLM ended with {process.returncode}: see {log}")
            with suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/health")).is_success:
                    return
            await asyncio.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
    raise SourceError(f"vLLM does not answer after {_START_SECONDS} s: see {log}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
