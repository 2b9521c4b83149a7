"""Alembic's entry. The service hands its own connection down; the command line opens one from the settings."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

import app.models  # noqa: F401  (registers the tables)
from app.config import load_settings
from app.db import Base, open_database


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_from_settings() -> None:
    database = open_database(load_settings())
    async with database.engine.begin() as connection:
        await connection.run_sync(run)
    await database.close()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(run_from_settings())
