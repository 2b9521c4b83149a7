"""`docent site`: origins, looks and texts of the sites that a widget may stand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome, Run

DOCS = "https://docs.example.org"


def _listed(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("site", "list", "--json").out.splitlines()]


def _refused(done: Outcome, said: str) -> None:
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("docent: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert "Traceback" not in done.err


def test_create_prints_the_tag(run: Run) -> None:
    done = run("site", "create", "--origin", DOCS)
    (site,) = _listed(run)
    assert done.code == 0
    assert done.out == (f'<script src="https://YOUR-DOCENT-HOST/widget.js" data-site="{site["key"]}" async></script>\n')
    assert "Paste it" in done.err
    assert (site["name"], site["origins"]) == (DOCS, [DOCS])
    assert f"{site['key']}  {DOCS}  {DOCS}" in run("site", "list").out


def test_everything_that_can_be_given(run: Run, tmp_path: Path) -> None:
    strings = tmp_path / "strings.json"
    strings.write_text('\ufeff{"de": {"send": "Los"}}', encoding="utf-8")
    options = ["--origin", "HTTPS://Docs.Example.org:443/", "--origin", "http://[::1]:3000", "--name", "Docs"]
    options += ["--title", "Ask us", "--greeting", "Hello", "--starter", "How?", "--starter", "Why?"]
    options += ["--accent", "#0B6", "--accent-dark", "#5fd0a5", "--position", "left", "--no-person"]
    done = run("site", "create", *options, "--strings", strings, "--json")
    made = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    key = made.pop("key")
    assert made == {
        "name": "Docs",
        "origins": [DOCS, "http://[::1]:3000"],
        "title": "Ask us",
        "greeting": "Hello",
        "starters": ["How?", "Why?"],
        "accent": "#00bb66",
        "accent_dark": "#5fd0a5",
        "position": "left",
        "person": False,
        "strings": {"de": {"send": "Los"}},
    }
    assert _listed(run) == [{"key": key, **made}]


def test_update_changes_what_is_given(run: Run) -> None:
    made = json.loads(run("site", "create", "--origin", DOCS, "--title", "Ask", "--starter", "How?", "--json").out)
    changed = run("site", "update", made["key"], "--title", "", "--starter", "Why?", "--no-person", "--json")
    assert json.loads(changed.out) == {**made, "title": "", "starters": ["Why?"], "person": False}
    nothing = run("site", "update", made["key"])
    assert (nothing.code, nothing.out) == (1, "")
    assert "nothing was given to change" in nothing.err
    replaced = run("site", "update", made["key"], "--origin", "https://new.example.org", "--json")
    assert json.loads(replaced.out)["origins"] == ["https://new.example.org"]
    _refused(run("site", "update", "site_nobody", "--title", "x"), "there is no site site_nobody")


def test_delete(run: Run) -> None:
    key = json.loads(run("site", "create", "--origin", DOCS, "--json").out)["key"]
    done = run("site", "delete", key)
    assert (done.code, done.out) == (0, f"The site {key} is deleted.\n")
    assert _listed(run) == []
    _refused(run("site", "delete", key), f"there is no site {key}")


@pytest.mark.parametrize(
    "origin",
    [
        "docs.example.org",
        "https://docs.example.org/path",
        "https://*.example.org",
        "*",
        "https://me:secret@docs.example.org",
        "https://docs.example.org:99999",
        "ftp://docs.example.org",
        "https://two\nlines",
        "",
    ],
)
def test_origins_that_are_none(run: Run, origin: str) -> None:
    _refused(run("site", "create", "--origin", origin), "write scheme and host as in https://docs.example.org")
    assert _listed(run) == []


def test_options_that_are_refused(run: Run) -> None:
    _refused(run("site", "create"), "a site needs the origins")
    _refused(run("site", "create", "--origin", DOCS, "--accent", "green"), "'green' is no colour")
    _refused(run("site", "create", "--origin", DOCS, "--title", "x" * 81), "80 characters at most")
    _refused(run("site", "create", "--origin", DOCS, *["--starter", "?"] * 7), "6 starter questions at most")
    assert run("site", "create", "--origin", DOCS, "--position", "top").code == 2
    assert _listed(run) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"de"',
        b"null",
        b'{"de": []}',
        b'{"de": {"send": 1}}',
        b'{"de": {"send": null}}',
        b'{"d/e": {}}',
        b'{"de": {"send": "two\\nlines"}}',
        b'{"de": {"send": "\\ud800"}}',
        b'{"de": {"two\\nlines": "x"}}',
        b'{"de": {"\\ud800": "x"}}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"de":' * 100_000,
        b"{" + b'"send": 1' + b"," * 10,
    ],
)
def test_files_of_texts_that_are_none(run: Run, tmp_path: Path, content: bytes) -> None:
    strings = tmp_path / "strings.json"
    strings.write_bytes(content)
    _refused(run("site", "create", "--origin", DOCS, "--strings", strings), "")
    assert _listed(run) == []


def test_files_of_texts_that_are_not_there(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        _refused(run("site", "create", "--origin", DOCS, "--strings", path), f"--strings {path} cannot be read")
