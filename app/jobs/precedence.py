"""Who goes first when there is not enough of the machine: chats, then tickets, then indexing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.05


class Precedence:
    """Counts what is going on in this process. Nobody waits longer than `patience` seconds: late, but never starved."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._chats = 0
        self._tickets = 0

    @contextmanager
    def chat(self) -> Iterator[None]:
        """Around a chat's answer that has nothing to show yet."""
        self._chats += 1
        try:
            yield
        finally:
            self._chats -= 1

    @contextmanager
    def ticket(self) -> Iterator[None]:
        self._tickets += 1
        try:
            yield
        finally:
            self._tickets -= 1

    async def after_chats(self) -> None:
        """Wait until no chat is waiting for its first words."""
        await self._until_free(lambda: not self._chats)

    async def after_answers(self, seconds: float) -> None:
        """Wait until neither a chat nor a ticket is being answered, or `seconds` have passed."""
        await self._until_free(lambda: not self._chats and not self._tickets, seconds)

    async def _until_free(self, free: Callable[[], bool], seconds: float | None = None) -> None:
        until = time.monotonic() + (self._patience if seconds is None else seconds)
        while not free() and time.monotonic() < until:  # noqa: ASYNC110  (short, rare, and bounded)
            await asyncio.sleep(_LOOK_SECONDS)
