"""`docent serve` from its first line to its end."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.service.serving import Service, children_of, docent, events, until

PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."


def test_a_stopping_service_lets_its_streams_finish(serve: Callable[..., Service], model: ScriptedModel) -> None:
    service = serve()
    go_on = threading.Event()
    model.say(Reply(f"{GOOD} Use", waits=go_on))
    with service.open_stream(PORT) as stream:
        pieces = stream.iter_text()
        received = next(pieces)
        while "answer.delta" not in received:
            received += next(pieces)
        service.terminate()
        until(lambda: _refuses(service.url))  # nobody new is let in
        go_on.set()
        received += "".join(pieces)
    names = [name for _, name, _ in events(received)]
    assert names == ["answer.started", "answer.delta", "answer.citation", "answer.completed"]
    assert service.process.wait(60) == 0
    traced = docent(service.data_dir, "trace", events(received)[-1][2]["answer"]["id"], "--json")
    assert json.loads(traced.stdout)["answer"]["text"] == "The server listens on port 7070 by default. [1]"


def test_a_stream_that_does_not_end_in_time_is_cut(serve: Callable[..., Service], model: ScriptedModel) -> None:
    service = serve(SERVER__SHUTDOWN_SECONDS="1")
    never = threading.Event()
    model.say(Reply(GOOD, waits=never))
    with service.open_stream(PORT) as stream:
        lines = stream.iter_lines()
        next(lines)
        until(lambda: bool(model.requests))
        service.terminate()
        service.process.wait(60)
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
    until(model.abandoned.is_set)
    never.set()


def _refuses(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", httpx.URL(url).port or 0)) != 0


def test_the_engine_goes_with_the_service(indexed: Path, tmp_path: Path) -> None:
    with Service(tmp_path, indexed) as service:
        (engine,) = children_of(service.process.pid)
        command = Path(f"/proc/{engine}/cmdline").read_bytes()
        assert b"app.llm.embedded" in command
        with service.open_stream("How do I start the server?") as stream:
            pieces = stream.iter_text()
            received = next(pieces)
            service.terminate()
            received += "".join(pieces)
        assert events(received)[-1][1] == "answer.completed"
        assert service.process.wait(60) == 0
        assert not Path(f"/proc/{engine}").exists()
        assert not (service.data_dir / "service.json").exists()
        assert not [line for line in service.log() if line["level"] in {"error", "critical"}]


def test_a_killed_service_takes_its_engine_along_and_can_start_again(indexed: Path, tmp_path: Path) -> None:
    with Service(tmp_path / "one", indexed) as service:
        (engine,) = children_of(service.process.pid)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(60)
        until(lambda: not _lives(engine))
        assert (service.data_dir / "service.json").exists()  # nobody was left to remove it
        with Service(tmp_path / "two", service.data_dir) as again:
            assert again.client.get("/livez").status_code == 200


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.sqlite
def test_one_service_a_data_folder(serve: Callable[..., Service], model: ScriptedModel) -> None:
    service = serve()
    second = docent(service.data_dir, "serve", "--port", "0", LLM__BASE_URL=model.base_url)
    assert second.returncode == 1
    assert second.stdout == ""
    (line,) = second.stderr.splitlines()
    assert line.startswith("docent: a service runs on ")
    assert service.url in line
    assert str(service.process.pid) in line
    assert service.client.get("/readyz").status_code == 200


def test_commands_speak_to_the_running_service(serve: Callable[..., Service], model: ScriptedModel) -> None:
    service = serve()
    model.say(GOOD)
    done = docent(service.data_dir, "ask", PORT, "--json")
    assert json.loads(done.stdout)["text"] == "The server listens on port 7070 by default. [1]"
    assert len(model.requests) == 1
    mode = (service.data_dir / "service.json").stat().st_mode
    assert mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "0.0.0.0 is reached from other machines"),  # noqa: S104
        (("--host", "192.0.2.1"), "set DOCENT_SERVER__HOSTS"),
        (("--host", "example.com"), "set DOCENT_SERVER__HOSTS"),
    ],
)
def test_only_this_machine_is_served(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = docent(tmp_path / "data", "serve", "--port", "0", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert said in line


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = docent(tmp_path / "data", "serve", "--port", str(port))
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"docent: port {port} of 127.0.0.1 cannot be used")
    assert "--port 0" in line


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    for setting in ({"SERVER__PORT": "many"}, {"SERVER__PROT": "80"}):
        refused = docent(tmp_path / "data", "serve", **setting)
        assert (refused.returncode, refused.stdout) == (1, "")
        (line,) = refused.stderr.splitlines()
        assert f"DOCENT_{next(iter(setting))}" in line


def test_without_a_model_it_serves_quotes_and_says_what_is_missing(indexed: Path, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        service = Service(tmp_path, indexed, LLM__BASE_URL=url)
        waiting: dict[str, str] = {}

        def ready_but_for_the_model() -> bool:
            found = service.client.get("/readyz").json()["waiting"]
            waiting.update(found)
            return set(found) == {"engine"}

        service.wait_for = ready_but_for_the_model
        with service:
            assert "is it running" in waiting["engine"]
            answer = service.ask(PORT).json()
    assert (answer["decision"], answer["kind"]) == ("draft", "extractive")
    assert "7070" in answer["text"]


def test_ctrl_c_is_an_orderly_end(serve: Callable[..., Service]) -> None:
    service = serve()
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(60) in {0, 130, -signal.SIGINT}
    assert not [line for line in service.log() if "exception" in line]
