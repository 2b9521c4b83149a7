"""Copies a database of Docent into another, empty one: from SQLite to PostgreSQL, for a move to several machines.

    python deploy/copy_database.py sqlite:////data/docent.db

The target is that of the settings (DOCENT_DATABASE__URL). No service may run on either. All of it is copied or, when
anything goes wrong, nothing: API keys and sites with the rest. Files of the index are not part of the database: run
`docent index --rebuild` after it. Jobs that were open are begun anew by the service.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy import Table, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

import app.models  # noqa: F401  (registers the tables)
from app.config import DatabaseSettings, load_settings
from app.db import Base, Database, open_database
from app.errors import ConfigurationError, DocentError

_ROWS_AT_ONCE = 500


async def copy_database(source: Database, target: Database) -> dict[str, int]:
    """Rows copied, by table. Both are brought to the newest schema first.

    Raises ConfigurationError when the target is the source, is not empty, or refuses a row.
    """
    if source.engine.url == target.engine.url:
        raise ConfigurationError("DOCENT_DATABASE__URL names the source itself: set it to the new database")
    await source.migrate()
    await target.migrate()
    copied = {}
    try:
        async with source.engine.connect() as reading, target.engine.begin() as writing:
            for table in Base.metadata.sorted_tables:
                copied[table.name] = await _copy_table(table, reading, writing)
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        raise ConfigurationError(f"nothing was copied, for the new database refused a row: {reason}") from error
    return copied


async def _copy_table(table: Table, reading: AsyncConnection, writing: AsyncConnection) -> int:
    if await writing.scalar(select(func.count()).select_from(table)):
        where = writing.engine.url.render_as_string(hide_password=True)
        raise ConfigurationError(f"{table.name} of {where} has rows: copy into an empty database only")
    count = 0
    rows = await reading.stream(select(table))
    async for part in rows.mappings().partitions(_ROWS_AT_ONCE):
        await writing.execute(insert(table), [dict(row) for row in part])
        count += len(part)
    return count


async def _main(source_url: str) -> None:
    settings = load_settings()
    source = open_database(settings.model_copy(update={"database": DatabaseSettings(url=source_url)}))
    target = open_database(settings)
    try:
        copied = await copy_database(source, target)
    finally:
        await source.close()
        await target.close()
    for name, count in copied.items():
        sys.stdout.write(f"{name}: {count}\n")
    sys.stdout.write("Copied. Run `docent index --rebuild` before the service is used.\n")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python deploy/copy_database.py SOURCE_URL, as in sqlite:////data/docent.db\n")
        return 2
    try:
        asyncio.run(_main(arguments[0]))
    except DocentError as error:
        sys.stderr.write(f"copy_database: {error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
