"""The secret that sessions are signed with: kept for the user alone, and one for all processes of a data folder."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.auth.secret import signing_secret
from app.config import AuthSettings, load_settings
from app.errors import ConfigurationError

FILE = "session.key"
PRINT = """
import sys
from pathlib import Path
from app.auth.secret import signing_secret
from app.config import AuthSettings
sys.stdin.readline()  # all at once
print(signing_secret(AuthSettings(), Path(sys.argv[1])))
"""


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    secret = signing_secret(AuthSettings(), folder)
    assert len(secret) >= 32
    assert signing_secret(AuthSettings(), folder) == secret
    assert signing_secret(AuthSettings(), tmp_path / "other") != secret
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PRINT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in started]
    assert len(set(said)) == 1
    assert len(said[0].strip()) >= 32
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"x" * 31, b"\xff" * 64])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigurationError, match=FILE) as refused:
        signing_secret(AuthSettings(), tmp_path)
    assert "\n" not in refused.value.detail
    assert (tmp_path / FILE).read_bytes() == content


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(ConfigurationError, match="DOCENT_AUTH__SECRET"):
        signing_secret(AuthSettings(), tmp_path)


def test_the_setting_wins_and_leaves_no_file(tmp_path: Path) -> None:
    given = "from the settings, and long enough"
    assert signing_secret(AuthSettings(secret=SecretStr(given)), tmp_path) == given
    assert not list(tmp_path.iterdir())


def test_a_short_setting_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCENT_AUTH__SECRET", "hunter2-hunter2")
    with pytest.raises(ConfigurationError, match="DOCENT_AUTH__SECRET") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)
