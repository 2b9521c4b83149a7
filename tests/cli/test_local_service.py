"""How a command finds the service on its data folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.local_service import LocalService, ServiceFile

HOLD = """
import sys
from pathlib import Path
from app.local_service import ServiceFile
held = ServiceFile(Path(sys.argv[1]))
held.claim()
print(held.publish("http://127.0.0.1:4321").token, flush=True)
sys.stdin.read()
"""


def test_a_published_service_is_found_until_it_is_released(tmp_path: Path) -> None:
    service = ServiceFile(tmp_path / "data")
    service.claim()
    assert ServiceFile(tmp_path / "data").running() is None  # claimed, and not listening yet

    published = service.publish("http://127.0.0.1:1234")

    assert published == LocalService("http://127.0.0.1:1234", published.token, os.getpid())
    assert ServiceFile(tmp_path / "data").running() == published
    service.release()
    assert ServiceFile(tmp_path / "data").running() is None
    assert not (tmp_path / "data" / "service.json").exists()


def test_the_file_is_for_its_user_alone_and_each_token_is_new(tmp_path: Path) -> None:
    service = ServiceFile(tmp_path)
    service.claim()
    (tmp_path / "service.new").write_text("left by a killed one")
    (tmp_path / "service.new").chmod(0o644)

    tokens = {service.publish("http://127.0.0.1:1234").token for _ in range(2)}

    assert stat.S_IMODE((tmp_path / "service.json").stat().st_mode) == 0o600
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)
    assert not (tmp_path / "service.new").exists()
    service.release()


def test_a_second_service_is_refused_with_where_the_first_is(tmp_path: Path) -> None:
    first = ServiceFile(tmp_path)
    first.claim()
    with pytest.raises(ConfigurationError, match=r"a service runs on .* already: stop it, or set another DOCENT_DATA"):
        ServiceFile(tmp_path).claim()
    first.publish("http://127.0.0.1:1234")

    with pytest.raises(ConfigurationError, match=rf"at http://127\.0\.0\.1:1234 \(process {os.getpid()}\): stop it"):
        ServiceFile(tmp_path).claim()

    first.release()
    second = ServiceFile(tmp_path)
    second.claim()
    second.release()


def test_what_a_killed_service_left_is_not_believed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        assert ServiceFile(tmp_path).running() == LocalService("http://127.0.0.1:4321", token, process.pid)
        process.kill()
    assert (tmp_path / "service.json").exists()

    assert ServiceFile(tmp_path).running() is None

    assert not (tmp_path / "service.json").exists()  # and nobody has to find that out again
    again = ServiceFile(tmp_path)
    again.claim()
    again.release()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"url": "http://127.0.0.1:1"})])
def test_a_file_that_makes_no_sense_is_no_service(tmp_path: Path, content: str) -> None:
    service = ServiceFile(tmp_path)
    service.claim()
    (tmp_path / "service.json").write_text(content)

    assert ServiceFile(tmp_path).running() is None
    service.release()


def test_a_folder_that_is_not_there_has_no_service(tmp_path: Path) -> None:
    assert ServiceFile(tmp_path / "nowhere").running() is None
    assert not (tmp_path / "nowhere").exists()
