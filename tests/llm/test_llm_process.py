"""The engine's process: it dies with its parent, comes back when it dies, and calls nobody."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from app.config import EngineSettings
from app.errors import ConfigurationError, EngineUnavailable
from app.llm.embedded.process import EmbeddedEngine

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
STORY = [{"role": "user", "content": "Tell me a story."}]
Until = Callable[[Callable[[], bool]], None]


def ask(client: openai.OpenAI, messages: list[dict[str, str]], **settings: Any) -> Any:
    settings = {"temperature": 0, "max_tokens": 24, **settings}
    return client.chat.completions.create(model="", messages=messages, **settings)


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_killed_engine_breaks_its_stream_and_comes_back_at_the_same_place(
    engine: EmbeddedEngine, openai_client: openai.OpenAI, until: Until
) -> None:
    stream = ask(openai_client, STORY, stream=True, max_tokens=1500, extra_body={"ignore_eos": True})
    next(stream)
    first = engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(openai.APIConnectionError):
        list(stream)
    until(lambda: not engine.healthy)
    with pytest.raises(openai.APIConnectionError):
        ask(openai_client, QUESTION)
    until(lambda: engine.healthy)
    assert engine.pid != first
    assert "Paris" in ask(openai_client, QUESTION).choices[0].message.content


PARENT = """
import asyncio, sys
from pathlib import Path
from app.config import EngineSettings
from app.llm.embedded.process import EmbeddedEngine

async def main():
    engine = EmbeddedEngine(EngineSettings(context_tokens=512, max_running=1), Path(sys.argv[1]))
    await engine.start()
    print(engine.port, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_the_engine_dies_with_its_parent(engine: EmbeddedEngine, until: Until) -> None:
    folder = engine.log_path.parent
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        port = 0
        while not port:  # the line after those of the log
            line = parent.stdout.readline().strip()
            port = int(line) if line.isdigit() else 0
    assert not refused(port)
    parent.kill()
    parent.wait()
    until(lambda: refused(port))


# Starts the engine with a watch on its sockets and processes, and with the check of schemas taken out, so that a bad
# one reaches the pipeline.
WATCHED = """
import socket, sys

def watch(event, args):
    local = ("127.0.0.1", "::1", "localhost", None, "")
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in local:
        abroad(event, args)
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and args[0] not in local:
        abroad(event, args)
    if event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"):
        abroad(event, args)

def abroad(event, args):
    print("ABROAD", event, args, file=sys.stderr, flush=True)
    raise PermissionError(event)

sys.addaudithook(watch)
try:
    socket.getaddrinfo("example.com", 443)
except PermissionError:
    print("THE WATCH WORKS", file=sys.stderr, flush=True)

import json
from app.llm.embedded import __main__, server
server.checked_schema = json.dumps
import os
os._exit(__main__.main())
"""


def test_nothing_is_called_and_a_failed_step_is_told_and_survived(
    engine_data: Path, background: Any, until: Until, tmp_path: Path
) -> None:
    (tmp_path / "models").symlink_to(engine_data / "models")
    engine = EmbeddedEngine(EngineSettings(context_tokens=512, max_running=2), tmp_path)
    engine.command = [sys.executable, "-c", WATCHED]
    background.run(engine.start())
    try:
        with openai.OpenAI(base_url=engine.base_url, api_key=engine.api_key, max_retries=0) as client:
            assert "Paris" in ask(client, QUESTION).choices[0].message.content
            first = engine.pid
            stream = ask(client, STORY, stream=True, max_tokens=400, extra_body={"ignore_eos": True})
            next(stream)
            with pytest.raises(openai.InternalServerError, match="restarts"):
                ask(client, QUESTION, extra_body={"structured_outputs": {"json": {"type": "foo"}}})
            with pytest.raises(openai.APIError, match="restarts"):
                list(stream)
            until(lambda: engine.healthy and engine.pid != first)
            assert "Paris" in ask(client, QUESTION).choices[0].message.content
        said = engine.log_path.read_text()
        port = engine.port
    finally:
        background.run(engine.stop())
    assert not engine.alive
    assert refused(port)
    assert said.count("THE WATCH WORKS") == 2
    assert said.count("ABROAD") == 2
    assert 'Unsupported type "foo"' in said


def test_the_key_is_not_among_what_other_processes_can_read(engine: EmbeddedEngine) -> None:
    process = Path(f"/proc/{engine.pid}")
    shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert b"app.llm.embedded" in shown
    assert engine.api_key.encode() not in shown


def test_an_engine_that_cannot_start_says_why(background: Any, tmp_path: Path) -> None:
    engine = EmbeddedEngine(EngineSettings(), tmp_path)
    engine.command = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with pytest.raises(EngineUnavailable, match="no such luck"):
        background.run(engine.start())
    assert not engine.alive


def test_an_engine_that_takes_too_long_is_ended(background: Any, tmp_path: Path) -> None:
    engine = EmbeddedEngine(EngineSettings(start_seconds=0.3), tmp_path)
    engine.command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with pytest.raises(EngineUnavailable, match="DOCENT_ENGINE__START_SECONDS"):
        background.run(engine.start())
    assert not engine.alive


def test_a_model_that_is_no_gguf_is_refused_in_one_line(background: Any, tmp_path: Path) -> None:
    text = tmp_path / "model.gguf"
    text.write_text("hello")
    for path, said in ((text, "is not a GGUF file"), (tmp_path / "none.gguf", "cannot read the model")):
        with pytest.raises(ConfigurationError, match=said) as caught:
            background.run(EmbeddedEngine(EngineSettings(model=path), tmp_path).start())
        assert "\n" not in caught.value.detail


def test_a_damaged_gguf_is_a_wrong_configuration_and_leaves_nothing(background: Any, tmp_path: Path) -> None:
    damaged = tmp_path / "model.gguf"
    damaged.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ConfigurationError, match="cannot be converted"):
        background.run(EmbeddedEngine(EngineSettings(model=damaged), tmp_path).start())
    assert not [found for found in (tmp_path / "models").iterdir() if found.suffix not in {".lock", ".partial"}]


def test_a_killed_conversion_is_done_again(engine_data: Path, tmp_path: Path) -> None:
    """Half a folder aside is never taken for the model, and the package's folder stays clean."""
    code = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from app.llm.embedded import convert
        from app.llm.embedded.weights import converted_folder, locate
        gguf, models = locate(None), Path(sys.argv[1])
        before = sorted(gguf.parent.iterdir())
        target = converted_folder(gguf, models)
        aside = target.with_name(target.name + ".partial")
        aside.mkdir(parents=True)
        (aside / "openvino_model.xml").write_text("half")
        convert._convert = lambda gguf, folder: (folder / "whole").touch()
        assert convert.converted(gguf, models) == target
        assert [file.name for file in target.iterdir()] == ["whole"]
        assert sorted(gguf.parent.iterdir()) == before
    """)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    (model,) = [folder for folder in (engine_data / "models").iterdir() if folder.is_dir()]
    assert not [file for file in model.iterdir() if file.suffix == ".gguf"]
