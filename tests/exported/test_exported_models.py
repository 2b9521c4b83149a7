"""What `docent-train export` writes, served: GGUF by the embedded engine, safetensors by vLLM's CPU build."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import EngineSettings
from app.llm.client import ChatClient, Message
from app.llm.embedded.process import EmbeddedEngine
from tests.answering.lumen import write_pages
from tests.service.serving import ROOT, Service, docent

TRAINING = ROOT / ".venv-train" / "bin" / "python"
VLLM = ROOT / ".venv-vllm" / "bin" / "python"
NITRO = os.environ.get("NITRO", "")
START_SECONDS = 400  # vLLM takes 42 s on an idle machine of two cores
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (TRAINING.exists() and VLLM.exists()), reason="run `make test-vllm`, which installs both"),
]


@dataclass(frozen=True, slots=True)
class Docs:
    """An indexed folder, and a question that one of its pages answers."""

    data_dir: Path
    question: str


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged model after four steps of `sft`, as `export` writes it."""
    folder = tmp_path_factory.mktemp("trained")
    trained, exported = folder / "sft", folder / "export"
    rows = ["data.train.path=tests/training/data/pairs.jsonl", "data.held_out_rows=8"]
    short = ["lora.rank=16", "lora.alpha=32", "optimisation.max_steps=4", "optimisation.batch_size=4"]
    _train("sft", f"output_dir={trained}", *rows, *short)
    _train("export", f"output_dir={exported}", f"model.name={trained}", "gguf=[q8_0]")
    return exported


def _train(stage: str, *settings: str) -> None:
    recipe = ROOT / "training" / "recipes" / "smollm2-135m" / f"{stage}.yaml"
    words = [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(
        [str(TRAINING), "-m", "training", stage, "--recipe", str(recipe), *words],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Docs:
    """The Nitro corpus where NITRO names it, else the pages that the other tests have."""
    folder = tmp_path_factory.mktemp("docs")
    if NITRO:
        pages, question = Path(NITRO).resolve() / "docs", "What is the default port of the server?"
    else:
        pages, question = write_pages(folder / "lumen"), "Which port does the Lumen server listen on?"
    done = docent(folder / "data", "index", str(pages))
    assert done.returncode == 0, done.stderr
    return Docs(folder / "data", question)


@pytest.fixture(scope="module")
def vllm(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """vLLM with the exported folder as it is; the settings with which Docent finds it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = secrets.token_urlsafe(16)
    log = tmp_path_factory.mktemp("vllm") / "vllm.log"
    arguments = {
        "--model": str(exported),
        "--served-model-name": "nitro-135m",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--max-model-len": "2048",
        "--max-num-seqs": "4",
    }
    words = [word for pair in arguments.items() for word in pair]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(VLLM), "-m", "vllm.entrypoints.openai.api_server", *words, "--enforce-eager"],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_API_KEY": key},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _until_healthy(f"http://127.0.0.1:{port}", process, log)
        yield {"LLM__BASE_URL": f"http://127.0.0.1:{port}/v1", "LLM__API_KEY": key, "LLM__MODEL": "nitro-135m"}
    finally:
        process.terminate()
        process.wait(60)


def _until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline:
            assert process.poll() is None, log.read_text()[-4000:]
            try:
                if client.get(f"{url}/health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.5)
    pytest.fail(f"vLLM does not answer after {START_SECONDS} s: {log.read_text()[-4000:]}")


def stages_of(service: Service, answer_id: str) -> dict[str, Any]:
    done = docent(service.data_dir, "trace", answer_id, "--json")
    assert done.returncode == 0, done.stderr
    trace: dict[str, Any] = json.loads(done.stdout)
    stages: dict[str, Any] = trace.get("stages", trace)
    return stages


def answered(service: Service, docs: Docs) -> None:
    """The question is answered with quotes, and the model has written something on the way."""
    response = service.ask(docs.question)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["citations"], answer
    stages = stages_of(service, answer["id"])
    assert stages["raw_output"].strip(), stages
    assert "engine_error" not in stages


def test_the_gguf_file_serves_in_the_embedded_engine(exported: Path, docs: Docs, tmp_path: Path) -> None:
    model = exported / "model-q8_0.gguf"
    with Service(tmp_path, docs.data_dir, ENGINE__MODEL=str(model)) as service:
        answered(service, docs)


async def test_vllm_tells_likelihoods(vllm: dict[str, str]) -> None:
    """What multiple choice is scored by: letters among the likeliest tokens, texts, and a constrained choice."""
    client = ChatClient(
        base_url=vllm["LLM__BASE_URL"], api_key=vllm["LLM__API_KEY"], model=vllm["LLM__MODEL"], timeout_seconds=120
    )
    question = [Message("user", "What is the capital of France? Answer in one word.")]
    right, wrong = [await client.score(question, text) for text in ("Paris", "Helsinki")]
    assert right.mean > wrong.mean
    assert wrong.tokens >= right.tokens >= 1
    tops, tokens = await client.first_token(question, 20)
    assert len(tops) == 20
    assert all(value <= 0 for value in tops.values())
    assert tokens > 5
    assert await client.choose(question, ["A", "B"]) in {"A", "B"}
    await client.aclose()


async def test_the_embedded_engine_and_vllm_agree_on_likelihoods(
    exported: Path, vllm: dict[str, str], tmp_path: Path
) -> None:
    """The same weights, in four bits there and as they are here."""
    served = ChatClient(
        base_url=vllm["LLM__BASE_URL"], api_key=vllm["LLM__API_KEY"], model=vllm["LLM__MODEL"], timeout_seconds=120
    )
    engine = EmbeddedEngine(EngineSettings(model=exported / "model-q8_0.gguf"), tmp_path)
    await engine.start()
    ours = ChatClient(base_url=engine.base_url, api_key=engine.api_key, model="", timeout_seconds=120)
    question = [Message("user", "Which colour has the sky on a clear day?")]
    for text in ("The sky is blue.", "Blue"):
        theirs, own = await served.score(question, text), await ours.score(question, text)
        assert theirs.tokens == own.tokens
        assert own.mean == pytest.approx(theirs.mean, abs=0.3)
    await served.aclose()
    await ours.aclose()
    await engine.stop()


def test_the_folder_serves_in_vllm_as_it_is(vllm: dict[str, str], docs: Docs, tmp_path: Path) -> None:
    with Service(tmp_path, docs.data_dir, **vllm) as service:
        answered(service, docs)
        shown = service.client.get("/readyz")
        assert shown.status_code == 200, shown.text
