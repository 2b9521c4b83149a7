"""A database of SQLite moves as a whole, API keys with the rest; on PostgreSQL where the tests run on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.auth.keys import ApiKeys
from app.config import DatabaseSettings, EmbeddingSettings, Settings
from app.db import Base, Database, open_database
from app.errors import ConfigurationError
from deploy.copy_database import copy_database
from tests.service.serving import ROOT, docent, environment

FIRMWARE = "How is the firmware updated?"


def sqlite(data_dir: Path) -> Settings:
    url = f"sqlite:///{data_dir / 'docent.db'}"
    return Settings(data_dir=data_dir, database=DatabaseSettings(url=url), embedding=EmbeddingSettings(threads=1))


@asynccontextmanager
async def opened(*chosen: Settings) -> AsyncIterator[list[Database]]:
    databases = [open_database(one) for one in chosen]
    try:
        yield databases
    finally:
        for database in databases:
            await database.close()


async def rows(database: Database) -> dict[str, int]:
    counts = {}
    async with database.transaction() as session:
        for table in Base.metadata.sorted_tables:
            counts[table.name] = await session.scalar(select(func.count()).select_from(table)) or 0
    return counts


async def test_everything_moves_and_the_index_is_built_anew(settings: Settings, docs: Path, tmp_path: Path) -> None:
    old = sqlite(tmp_path / "old")
    by_sqlite = {"DATABASE__URL": old.database.url}
    indexed = docent(old.data_dir, "index", str(docs), "--base-url", "https://docs.example.org", **by_sqlite)
    assert indexed.returncode == 0, indexed.stderr
    async with opened(old, settings) as (source, target):
        token = (await ApiKeys(source).create("Ticket bot", "chat")).token
        copied = await copy_database(source, target)
        assert copied == await rows(source) == await rows(target)
        assert copied["api_keys"] == copied["sources"] == 1
        assert copied["documents"] == 5
        assert (await ApiKeys(target).verify(token)).name == "Ticket bot"
    assert "rebuild" in docent(settings.data_dir, "search", FIRMWARE).stderr  # the files of the index did not move
    rebuilt = docent(settings.data_dir, "index", "--rebuild", "--json")
    assert json.loads(rebuilt.stdout)["files"] == 5
    found = docent(settings.data_dir, "search", FIRMWARE, "--json")
    assert "https://docs.example.org/faq" in found.stdout


async def test_nothing_is_copied_upon_rows_that_are_there(settings: Settings, tmp_path: Path) -> None:
    async with opened(sqlite(tmp_path / "old"), settings) as (source, target):
        for database, name in ((source, "old"), (target, "new")):
            await database.migrate()
            await ApiKeys(database).create(name, "chat")
        with pytest.raises(ConfigurationError, match="empty database"):
            await copy_database(source, target)
        assert [key.name for key in await ApiKeys(target).all()] == ["new"]


async def test_a_database_is_not_copied_upon_itself(tmp_path: Path) -> None:
    old = sqlite(tmp_path / "old")
    async with opened(old, old) as (source, target):
        with pytest.raises(ConfigurationError, match="the source itself"):
            await copy_database(source, target)


def test_by_command(settings: Settings, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, ROOT / "deploy/copy_database.py", *arguments],
            cwd=tmp_path,
            env=environment(settings.data_dir),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = run(f"sqlite:///{tmp_path}/old.db")
    assert done.returncode == 0, done.stderr
    assert "api_keys: 0\n" in done.stdout
    assert run().returncode == 2
    wrong = run("sqlite:////nowhere/docent.db")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("copy_database: ")
