"""The scripts around the containers, and the health checks that docker-compose.yml gives to other people's images."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.dockerfile import health_command, read_stages
from tests.containers.compose import ROOT, read_profile

WITH_SECRETS = ROOT / "deploy/with-secrets.sh"


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(words, env=given, capture_output=True, text=True, timeout=30, check=False)


def test_a_secret_becomes_a_variable_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a 'key' with $signs\n")
    done = run(
        "sh", WITH_SECRETS, f"THE_KEY={tmp_path}/key", "--", "sh", "-c", 'printf "%s|%s" "$THE_KEY" "$1"', "x", "a b"
    )
    assert done.stdout == "a 'key' with $signs|a b"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_or_empty_secret_stops_the_command(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    done = run("sh", WITH_SECRETS, f"THE_KEY={tmp_path}/key", "--", "echo", "started")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "run deploy/make-secrets.sh" in done.stderr


def test_secrets_are_made_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/make-secrets.sh", tmp_path / "deploy")
    assert run("sh", tmp_path / "deploy/make-secrets.sh").returncode == 0
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    # Containers read them under ids of their own.
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    password = made["postgres_password.txt"].strip()
    assert made["database_url.txt"] == f"postgresql://docent:{password}@postgres/docent\n"
    assert len({made[name] for name in made if name != "database_url.txt"}) == 4
    assert all(len(text.strip()) == 64 for name, text in made.items() if name != "database_url.txt")
    (folder / "llm_api_key.txt").unlink()
    assert run("sh", tmp_path / "deploy/make-secrets.sh").returncode == 0
    again = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in made if made[name] != again[name]} == {"llm_api_key.txt"}


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        healthy = self.path in {"/livez", "/health", "/readyz"} and not getattr(self.server, "is_ill", False)
        self.send_response(200 if healthy else 503)
        self.end_headers()
        self.wfile.write(b"200 is not said here")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Health) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def health_checks() -> dict[str, tuple[list[str], str]]:
    """Command and port of each check that asks by HTTP."""
    services = read_profile("gpu")["services"]
    # Compose keeps a dollar sign that is not its own as two.
    by_compose = {
        name: [word.replace("$$", "$") for word in services[name]["healthcheck"]["test"][1:]]
        for name in ("vllm", "qdrant")
    }
    ours = ["python3", *health_command(read_stages(ROOT / "Dockerfile")[-1])[1:]]
    return {"docent": (ours, "8000"), "vllm": (by_compose["vllm"], "8000"), "qdrant": (by_compose["qdrant"], "6333")}


@pytest.mark.parametrize("name", ["docent", "vllm", "qdrant"])
def test_health_checks_tell_well_from_ill_and_from_gone(server: HTTPServer, name: str) -> None:
    command, port = health_checks()[name]
    listening = str(server.server_address[1])
    here = [word.replace(port, listening) for word in command]
    assert here != command
    assert run(*here, PATH="/usr/bin:/bin").returncode == 0
    server.is_ill = True  # type: ignore[attr-defined]
    assert run(*here, PATH="/usr/bin:/bin").returncode != 0
    nobody = [word.replace(port, "9") for word in command]  # nothing listens at the discard port
    assert run(*nobody, PATH="/usr/bin:/bin").returncode != 0
