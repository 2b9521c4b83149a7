"""Several services on one data folder, and the URLs that choose PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import ArgumentError

from app.config import DatabaseSettings, Settings
from app.db import engine_url, open_database
from app.errors import ConfigurationError
from app.local_service import ServiceFile

POSTGRESQL = DatabaseSettings(url="postgresql://docent@127.0.0.1:9/docent")


def test_each_service_has_a_place_and_a_file(tmp_path: Path) -> None:
    shared = Settings(data_dir=tmp_path, database=POSTGRESQL)
    first, second = ServiceFile.of(shared), ServiceFile.of(shared)
    for at, service in enumerate((first, second), start=1):
        service.claim()
        assert service.publish(f"http://127.0.0.1:{at}").number == at
    assert {path.name for path in tmp_path.glob("*.json")} == {"service.json", "service-2.json"}
    found = ServiceFile.of(shared).running()
    assert found is not None
    assert found.url == "http://127.0.0.1:1"
    first.release()
    found = ServiceFile.of(shared).running()
    assert found is not None
    assert found.url == "http://127.0.0.1:2"
    third = ServiceFile.of(shared)
    third.claim()
    assert third.publish("http://127.0.0.1:3").number == 1  # the place that is free
    for service in (second, third):
        service.release()
    assert ServiceFile.of(shared).running() is None
    assert list(tmp_path.glob("*.json")) == []


def test_no_more_services_than_there_are_places(tmp_path: Path) -> None:
    held = [ServiceFile(tmp_path, 2) for _ in range(2)]
    for service in held:
        service.claim()
    with pytest.raises(ConfigurationError, match=r"a service runs on .* already"):
        ServiceFile(tmp_path, 2).claim()
    for service in held:
        service.release()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_psycopg_is_the_driver(scheme: str) -> None:
    url = engine_url(f"{scheme}://docent:a%40b@db.example.org/docent?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.database, url.query["sslmode"]) == ("a@b", "docent", "require")


def test_what_is_no_url() -> None:
    with pytest.raises(ArgumentError):
        engine_url("docent")


async def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    database = open_database(Settings(data_dir=tmp_path, database=POSTGRESQL))
    with pytest.raises(
        ConfigurationError, match=r"postgresql\+psycopg://docent@127.0.0.1:9/docent cannot be used: conn"
    ):
        await database.migrate()
    await database.close()


@pytest.mark.parametrize("url", ["docent", "postgresql+nobody://docent@localhost/docent", "oracle://x"])
def test_a_wrong_url_names_the_setting(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="DOCENT_DATABASE__URL"):
        open_database(Settings(data_dir=tmp_path, database=DatabaseSettings(url=url)))
