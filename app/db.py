"""The database: engine, sessions, migrations. SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, DateTime, Dialect, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from app.config import Settings, make_data_dir
from app.errors import ConfigurationError

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
# Connections of a process, kept and at most. PostgreSQL allows 100 unless it is told otherwise.
_POOL, _MORE = 5, 15
_RECYCLE_SECONDS = 1800  # before a firewall or a proxy between forgets an idle connection
_CONNECT_SECONDS = 10
_MIGRATION_LOCK = 0x646F63656E74  # "docent": services that start at once on one database migrate one after the other


class Base(DeclarativeBase):
    pass


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in and out; SQLite keeps none of the zone, so UTC is what it stores."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """PostgreSQL answers in the zone of its session."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Database:
    """Holds the engine. Sessions are short: never open while a model streams."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end of the block and rolls back on an error."""
        async with self._sessions.begin() as session:
            yield session

    async def migrate(self) -> None:
        """Bring the schema to the newest migration."""
        try:
            async with self.engine.begin() as connection:
                await connection.run_sync(_upgrade)
        except (DBAPIError, OSError) as error:
            where = self.engine.url.render_as_string(hide_password=True)
            reason = str(error.__cause__ or error).splitlines()[0]
            raise ConfigurationError(f"the database {where} cannot be used: {reason}") from error

    async def is_migrated(self) -> bool:
        async with self.engine.connect() as connection:
            return await connection.run_sync(_at_head)

    async def close(self) -> None:
        await self.engine.dispose()


def open_database(settings: Settings) -> Database:
    """Build the engine for `settings.database_url`, and make the data folder.

    Raises ConfigurationError when the folder cannot be made, or the URL or its driver is wrong.
    """
    make_data_dir(settings.data_dir)
    try:
        url = engine_url(settings.database_url)
        engine = create_async_engine(url, **_engine_options(url))
    except ImportError as error:
        raise ConfigurationError(
            f"DOCENT_DATABASE__URL: the driver is not installed ({error}): name none, as in "
            "postgresql://user:password@host/database"
        ) from error
    except (ArgumentError, NoSuchModuleError, InvalidRequestError, ValueError) as error:
        raise ConfigurationError(
            f"DOCENT_DATABASE__URL: {error} (it is written as in postgresql://user:password@host/database)"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return Database(engine)


def engine_url(database_url: str) -> URL:
    """The URL with the driver that Docent uses where it names none: psycopg for PostgreSQL, aiosqlite for SQLite.

    `postgres://`, as hosts of databases write it, is taken as `postgresql://`. Raises ArgumentError.
    """
    url = make_url(database_url)
    drivers = {
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
        "sqlite": "sqlite+aiosqlite",
    }
    return url.set(drivername=drivers.get(url.drivername, url.drivername))


def _engine_options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() != "postgresql":
        return {}
    options: dict[str, Any] = {
        "pool_size": _POOL,
        "max_overflow": _MORE,
        "pool_pre_ping": True,
        "pool_recycle": _RECYCLE_SECONDS,
    }
    if url.get_driver_name() == "psycopg" and "connect_timeout" not in url.query:
        options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
    return options


def _prepare_sqlite(connection: object, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the DBAPI's connection has no type here
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _at_head(connection: Connection) -> bool:
    heads = set(ScriptDirectory.from_config(_config()).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) == heads
