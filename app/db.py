"""The database: engine, sessions, migrations. SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, DateTime, Dialect, event
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from app.config import Settings, make_data_dir
from app.errors import ConfigurationError

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


class Base(DeclarativeBase):
    pass


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in and out; SQLite keeps none of the zone, so UTC is what it stores."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


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
        engine = create_async_engine(settings.database_url)
    except (ArgumentError, NoSuchModuleError, InvalidRequestError, ImportError) as error:
        raise ConfigurationError(
            f"DOCENT_DATABASE__URL: {error} (it has to name an async driver that is installed, as in "
            "postgresql+asyncpg://user:password@host/database)"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return Database(engine)


def _prepare_sqlite(connection: object, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the DBAPI's connection has no type here
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _at_head(connection: Connection) -> bool:
    heads = set(ScriptDirectory.from_config(_config()).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) == heads
