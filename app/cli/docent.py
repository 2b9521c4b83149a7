"""Whom a command speaks to: the service that runs on the data folder, else this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.remote import RemoteService, running_service
from app.config import Settings

if TYPE_CHECKING:
    from app.cli.local import LocalDocent
    from app.cli.local_chat import LocalChat
    from app.cli.local_releases import LocalReleases

# The imports below stand where they are needed: `app.cli.local` takes 1.5 s and more, which a running service saves.


@contextmanager
def open_docent(settings: Settings) -> Iterator[RemoteService | LocalDocent]:
    """For indexing and searching."""
    with running_service(settings) as remote:
        if remote is not None:
            yield remote
            return
        from app.cli.local import LocalDocent  # noqa: PLC0415

        with LocalDocent(settings) as local:
            yield local


@contextmanager
def open_chat(settings: Settings) -> Iterator[RemoteService | LocalChat]:
    """For answers, too."""
    with running_service(settings) as remote:
        if remote is not None:
            yield remote
            return
        from app.cli.local_chat import LocalChat  # noqa: PLC0415

        with LocalChat(settings) as local:
            yield local


@contextmanager
def open_releases(settings: Settings) -> Iterator[RemoteService | LocalReleases]:
    """For releases, too."""
    with running_service(settings) as remote:
        if remote is not None:
            yield remote
            return
        from app.cli.local_releases import LocalReleases  # noqa: PLC0415

        with LocalReleases(settings) as local:
            yield local
