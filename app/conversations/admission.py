"""How many answers are worked on at once, and how many questions may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Overloaded

_RETRY_AFTER = 5  # seconds: about the time of one answer of the embedded engine on two cores


class Admission:
    """Bounds the answers at work and those waiting; one question more is refused at once."""

    def __init__(self, working: int, waiting: int) -> None:
        self._places = asyncio.Semaphore(working)
        self._room = working + waiting

    def reserve(self) -> Ticket:
        """Take a place in the queue. Raises Overloaded when it is full."""
        if self._room <= 0:
            raise Overloaded(
                f"too many questions at once: try again in {_RETRY_AFTER} seconds", retry_after=_RETRY_AFTER
            )
        self._room -= 1
        return Ticket(self)

    def _leave(self) -> None:
        self._room += 1

    @property
    def places(self) -> asyncio.Semaphore:
        return self._places


class Ticket:
    """A place in the queue; given back once, whatever happens: also when its stream is never begun."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a free place, and give everything back at the end."""
        if self._admission is None:
            raise RuntimeError("this ticket was used before")
        try:
            async with self._admission.places:
                yield
        finally:
            self.give_back()

    def __del__(self) -> None:
        self.give_back()

    def give_back(self) -> None:
        if self._admission is not None:
            self._admission._leave()  # noqa: SLF001  (two halves of one idea)
            self._admission = None
