"""What git says, made into one line that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.fetching import FetchFailed, FetchSettings, Origin
from app.fetching.git_location import parse_location
from tests.fetching.conftest import Fetch


@pytest.mark.parametrize(
    ("location", "url", "shown"),
    [
        ("https://example.org/x.git", "https://example.org/x.git", "https://example.org/x.git"),
        ("https://me:word@example.org/x", "https://me:word@example.org/x", "https://example.org/x"),
        ("https://token@example.org/x", "https://token@example.org/x", "https://example.org/x"),
        (" ssh://git@example.org/x ", "ssh://git@example.org/x", "ssh://example.org/x"),
        ("git@example.org:team/x.git", "git@example.org:team/x.git", "git@example.org:team/x.git"),
        ("file:///srv/x", "file:///srv/x", "file:///srv/x"),
    ],
)
def test_a_location_is_shown_without_its_login(location: str, url: str, shown: str) -> None:
    found = parse_location(location)
    assert (found.url, found.shown) == (url, shown)


def test_secrets_are_blotted_out_however_they_are_spelled() -> None:
    location = parse_location("https://me:pa%40ss@example.org/x")
    said = location.redacted("fatal: 'https://me:pa%40ss@example.org/x' and pa@ss, https://other:y@example.com/z")
    assert "pa@ss" not in said
    assert "pa%40ss" not in said
    assert "other:y" not in said
    assert "example.org/x" in said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo \"fatal: Authentication failed for 'https://me:hush-hush@x/'\" >&2; exit 128", "wants a login"),
        ("echo 'fatal: could not read Username for x: terminal prompts disabled' >&2; exit 128", "wants a login"),
        ("echo 'git@x: Permission denied (publickey).' >&2; exit 128", "wants a login"),
        ("echo 'remote: Repository not found.' >&2; exit 128", "there is no repository"),
        ("echo 'fatal: unable to access: Could not resolve host: x' >&2; exit 128", "is not known"),
        ("echo 'fatal: unable to access: Connection refused' >&2; exit 128", "cannot be reached"),
        ("echo 'fatal: unable to access: The requested URL returned error: 502' >&2; exit 128", "try again later"),
        ("echo 'fatal: detected dubious ownership in repository' >&2; exit 128", "safe.directory"),
        ("echo 'fatal: write error: No space left on device' >&2; exit 128", "no space is left"),
        ("echo 'error: unable to create file x: Permission denied' >&2; exit 128", "see to its rights"),
        ("echo 'fatal: the moon is full at https://me:hush-hush@x/' >&2; exit 1", "saying: the moon is full"),
        ("exit 1", "saying: nothing"),
    ],
)
def test_what_git_says_is_explained(
    fetched: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\n{script}\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:/usr/bin:/bin")
    with pytest.raises(FetchFailed, match=said) as failure:
        fetched(Origin("git", "https://me:hush-hush@example.org/x"))
    assert "hush" not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_neither_the_words_nor_the_environment_of_git_give_anything_away(
    fetched: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/words\nenv >> {tmp_path}/environment\nexit 1\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:/usr/bin:/bin")
    monkeypatch.setenv("DOCENT_AUTH__SECRET", "the-service-signs-with-this")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    with pytest.raises(FetchFailed):
        fetched(Origin("git", "https://me:hush-hush@example.org/x"), FetchSettings(git_timeout_seconds=20))
    environment = (tmp_path / "environment").read_text()
    assert "hush" not in (tmp_path / "words").read_text()
    assert "the-service-signs" not in environment
    assert "/elsewhere" not in environment
    assert "GIT_TERMINAL_PROMPT=0" in environment
