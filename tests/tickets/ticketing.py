"""Tickets over HTTP as a ticket system hands them over, and the database beside the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from app.db import Database
from tests.chat.visiting import on_database
from tests.service.serving import Service, until

TICKETS = "/api/v1/tickets"
PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."
SHOWN = "The server listens on port 7070 by default. [1]"
OPEN = {"queued", "answering"}


def create(service: Service, body: str = PORT, **values: Any) -> httpx.Response:
    """headers: of the request; all others are the ticket's."""
    headers = values.pop("headers", {})
    return service.client.post(TICKETS, json={"body": body, **values}, headers=headers)


def created(service: Service, body: str = PORT, **values: Any) -> dict[str, Any]:
    response = create(service, body, **values)
    assert response.status_code == 202, response.text
    ticket: dict[str, Any] = response.json()
    return ticket


def ticket_of(service: Service, ticket_id: str) -> dict[str, Any]:
    response = service.client.get(f"{TICKETS}/{ticket_id}")
    assert response.status_code == 200, response.text
    ticket: dict[str, Any] = response.json()
    return ticket


def finished(service: Service, ticket_id: str) -> dict[str, Any]:
    """The ticket once it is neither queued nor being answered."""
    until(lambda: ticket_of(service, ticket_id)["state"] not in OPEN)
    return ticket_of(service, ticket_id)


def answered(service: Service, body: str = PORT, **values: Any) -> dict[str, Any]:
    """A ticket with its decision."""
    return finished(service, created(service, body, **values)["id"])


def execute(data_dir: Path, statement: str, **values: Any) -> None:
    """Write to the database of a data folder, beside its service."""

    async def write(database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(text(statement), values)

    on_database(data_dir, write)
