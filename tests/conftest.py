"""What most tests start from: settings with a data folder of their own, a made-up product's docs, and an open index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import EmbeddingSettings, Settings
from app.runtime import Core, open_core
from tests.postgresql.cluster import throwaway_cluster
from tests.postgresql.databases import (
    CLUSTER,
    database_settings,
    database_url,
    drop_databases_below,
    is_of_cluster,
    is_on_postgresql,
)

_LONGEST = (  # files of a minute and more
    "tests/security/test_noise.py",
    "tests/jobs/test_killed.py",
    "tests/service/test_no_network.py",
    "tests/index/test_indexer_killed.py",
)
Docent = Callable[..., "subprocess.CompletedProcess[str]"]

CHROMIUM = shutil.which("chromium") or ""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

LUMEN = {
    "index.md": """# Lumen

Lumen is a desk lamp that is driven from a terminal.

## What is in the box

The lamp, a USB-C cable of two metres and a wall plug.
""",
    "install.md": """---
title: Install Lumen
description: How to get the command line tool.
---

# Install Lumen

## Requirements

Python 3.11 and a free USB port are required.

## With pip

Run `pip install lumen-lamp`, then `lumen pair` while the button on the base is held.
""",
    "guide/brightness.md": """# Brightness

## Set the brightness

`lumen set --level 40` dims the lamp to forty percent.

## Dim at night

The key `night.level` in lumen.toml is the brightness after sunset. Its default is 15.
""",
    "guide/colour.md": """# Colour temperature

Warm white is 2700 kelvin, daylight is 6500 kelvin. `lumen set --kelvin 2700` chooses warm white.
""",
    "faq.md": """# Questions

## Why does the lamp flicker?

A hub without its own power supply makes the lamp flicker. Plug the cable into the wall plug.

## How is the firmware updated?

`lumen firmware update` fetches firmware version 4 and restarts the lamp.
""",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgresql", action="store_true", help="Run the tests on a PostgreSQL cluster of their own.")


def pytest_configure(config: pytest.Config) -> None:
    divided = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if divided or not config.getoption("--postgresql"):  # each worker has a cluster of its own
        return
    cluster = throwaway_cluster()
    os.environ[CLUSTER] = cluster.__enter__()
    config.add_cleanup(lambda: cluster.__exit__(None, None, None))
    chosen = Settings.__dict__["database_url"].func

    def by_data_folder(settings: Settings) -> str:
        """In this process; other ones are told by their environment."""
        given = settings.database.url
        return chosen(settings) if given and not is_of_cluster(given) else database_url(settings.data_dir)

    Settings.database_url = property(by_data_folder)  # type: ignore[assignment,method-assign]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Files are handed out whole: a long one that comes last keeps one process at work and the others waiting.
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
    if config.getoption("--postgresql"):
        skip = pytest.mark.skip(reason="is about SQLite itself")
        for item in items:
            if item.get_closest_marker("sqlite"):
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def databases_that_go_with_their_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """On PostgreSQL each takes 7 MB, and there are hundreds."""
    yield
    folder = request.node.funcargs.get("tmp_path")
    if folder is not None and is_on_postgresql():
        drop_databases_below(folder)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, whatever the environment of the tests holds, in a data folder of their own."""
    for name in [name for name in os.environ if name.upper().startswith("DOCENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no .env
    for name, value in database_settings(tmp_path / "data").items():
        monkeypatch.setenv(name, value)  # for the processes that a test starts
    # One thread: two only get in each other's way when other tests run beside this one.
    return Settings(data_dir=tmp_path / "data", embedding=EmbeddingSettings(threads=1))


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """The docs of the made-up product Lumen."""
    folder = tmp_path / "docs"
    for name, text in LUMEN.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
async def core(settings: Settings) -> AsyncIterator[Core]:
    async with open_core(settings) as opened:
        yield opened


@pytest.fixture
def docent(settings: Settings) -> Docent:
    """Runs the command line in a process of its own, on the same data folder; keywords are environment variables."""

    def run(*arguments: str | Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from app.cli import main; main()", *map(str, arguments)],
            env={**os.environ, "DOCENT_DATA_DIR": str(settings.data_dir), **environment},
            cwd=settings.data_dir.parent,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, once for all tests: Playwright's loop is one for a thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
