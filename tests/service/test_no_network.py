"""Nothing leaves the machine: the whole way from the docs to an answer without a network, and with one that is watched.

Both ways, because they see different things: without a network a call that is made and fails would go unseen, and the
watch sees only what Python does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.answering.lumen import write_pages
from tests.service.serving import ROOT, Service, docent, environment

PORT = "Which port does the Lumen server listen on?"

# What runs in a network namespace of its own, where there is only the loopback device.
ALONE = """
import subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
from tests.service.offline_journey import journey
journey(sys.argv[1], sys.argv[2])
"""

WATCH = '''
"""Imported at the start of every Python process below: connections and look-ups beyond this machine are recorded."""
import ipaddress, os, sys

def _foreign(host):
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True

def _hook(event, arguments):
    host = None
    if event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    if host is not None and _foreign(host):
        with open(os.environ["WATCH_FILE"], "a") as file:
            file.write(f"{event} {host} {sys.argv[:3]}\\n")
        raise ConnectionRefusedError(f"{event} to {host} is not allowed here")

sys.addaudithook(_hook)
'''


def _namespaces_are_allowed() -> bool:
    unshare, ip = shutil.which("unshare"), shutil.which("ip")
    if unshare is None or ip is None:
        return False
    return (
        subprocess.run([unshare, "-rn", ip, "link", "set", "lo", "up"], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.sqlite  # the cluster's socket is closed to the namespace's own user
@pytest.mark.skipif(not _namespaces_are_allowed(), reason="unshare -rn (util-linux, iproute2) is not allowed here")
def test_without_a_network(tmp_path: Path) -> None:
    docs = write_pages(tmp_path / "lumen")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", ALONE, str(tmp_path), str(docs)],
        cwd=tmp_path,
        env=environment(tmp_path / "data"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    indexed, asked, served, links = json.loads(done.stdout)
    assert links == ["lo"]
    assert indexed["files"] == 6
    for answer in (asked, served):
        assert "7070" in answer["text"]
        assert answer["decision"] in {"reply", "draft"}
        assert "engine_unavailable" not in answer["reasons"]
        assert answer["usage"]["prompt_tokens"] > 0 or answer["timings_ms"]["first_token"] > 0


def test_nobody_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(WATCH)
    watched = tmp_path / "watched.txt"
    watched.touch()
    monkeypatch.setattr("tests.service.serving.environment", _with_hooks(hooks, watched))
    probe = "import socket\ntry: socket.create_connection(('192.0.2.1', 80))\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", probe], env=_with_hooks(hooks, watched)(tmp_path), check=True)
    assert "192.0.2.1" in watched.read_text()  # the watch works
    watched.write_text("")
    docs = write_pages(tmp_path / "lumen")
    indexed = docent(tmp_path / "data", "index", str(docs), "--json")
    assert json.loads(indexed.stdout)["files"] == 6
    asked = docent(tmp_path / "data", "ask", PORT, "--json")
    assert "7070" in json.loads(asked.stdout)["text"]
    with Service(tmp_path / "serving", tmp_path / "data") as service:
        assert "7070" in service.ask(PORT).json()["text"]
        assert service.client.get("/").status_code == 200
    assert watched.read_text() == ""


def _with_hooks(hooks: Path, watched: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def chosen(data_dir: Path, **settings: str) -> dict[str, str]:
        path = os.pathsep.join([str(hooks), str(ROOT)])
        return environment(data_dir, **settings) | {"PYTHONPATH": path, "WATCH_FILE": str(watched)}

    return chosen
