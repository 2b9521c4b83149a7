"""The tests on PostgreSQL: a data folder has a database of its own in a cluster, as it has its file with SQLite.

The cluster is known by the variable `TEST_POSTGRESQL`, the folder of its socket, which child processes inherit.
Without it all is as it is by default: SQLite in the data folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

CLUSTER = "TEST_POSTGRESQL"
_PATIENCE = 30.0  # seconds


def is_on_postgresql() -> bool:
    return CLUSTER in os.environ


def rows(data_dir: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """What the database of a data folder says, beside its service. A place for a value is a question mark."""
    if is_on_postgresql():
        with _open(dbname=_name(data_dir)) as connection:
            found: list[tuple[Any, ...]] = connection.execute(query.replace("?", "%s"), values).fetchall()
            return found
    with closing(sqlite3.connect(f"file:{data_dir}/docent.db?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()


def stored(data_dir: Path) -> bytes:
    """All that the database of a data folder holds: its files, or every row of every table."""
    if not is_on_postgresql():
        with closing(sqlite3.connect(data_dir / "docent.db")) as database:
            database.execute("pragma wal_checkpoint").fetchall()
        return b"".join(path.read_bytes() for path in data_dir.glob("docent.db*"))
    tables = rows(data_dir, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return "\n".join(
        str(row)
        for (table,) in tables
        for (row,) in rows(data_dir, f'SELECT t::text FROM "{table}" AS t')  # noqa: S608
    ).encode()


def is_of_cluster(url: str) -> bool:
    return is_on_postgresql() and quote(os.environ[CLUSTER], safe="") in url


def database_url(data_dir: Path) -> str:
    """URL of the database of `data_dir`, which is made where it is missing; empty for SQLite."""
    if not is_on_postgresql():
        return ""
    with _open() as connection:
        _create(connection, data_dir)
    return f"postgresql://docent@/{_name(data_dir)}?host={quote(os.environ[CLUSTER], safe='')}"


def database_settings(data_dir: Path) -> dict[str, str]:
    """The environment variables that lead a process to the database of `data_dir`."""
    url = database_url(data_dir)
    return {"DOCENT_DATABASE__URL": url} if url else {}


def copy_data(data_dir: Path, copy: Path) -> None:
    """Copy a data folder that no service runs on, with its database."""
    shutil.copytree(data_dir, copy, symlinks=True)
    if not is_on_postgresql():
        return
    from psycopg import errors  # noqa: PLC0415

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with _open() as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{_name(copy)}"')
                connection.execute(f'CREATE DATABASE "{_name(copy)}" TEMPLATE "{_name(data_dir)}"')
                _sign(connection, copy)
        except errors.ObjectInUse:  # by the connections of a process that has just been killed
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def drop_databases_below(folder: Path) -> None:
    """Drop the databases of all data folders below `folder`."""
    with _open() as connection:
        owned = connection.execute(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'docent\\_%'"
        ).fetchall()
        for name, data_dir in owned:
            if data_dir and Path(data_dir).is_relative_to(folder.resolve()):
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _name(data_dir: Path) -> str:
    return f"docent_{hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:24]}"


@contextmanager
def _open(dbname: str = "postgres") -> Iterator[Any]:
    import psycopg  # noqa: PLC0415  (not needed for SQLite)

    with psycopg.connect(host=os.environ[CLUSTER], user="docent", dbname=dbname, autocommit=True) as connection:
        yield connection


def _create(connection: Any, data_dir: Path) -> None:
    from psycopg import errors  # noqa: PLC0415

    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [_name(data_dir)]).fetchone() is None:
        try:
            connection.execute(f'CREATE DATABASE "{_name(data_dir)}"')
        except (errors.DuplicateDatabase, errors.UniqueViolation):  # another process was first
            return
        _sign(connection, data_dir)


def _sign(connection: Any, data_dir: Path) -> None:
    """Note in the cluster which folder a database is of."""
    from psycopg import sql  # noqa: PLC0415

    comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(comment.format(sql.Identifier(_name(data_dir)), sql.Literal(str(data_dir.resolve()))))
