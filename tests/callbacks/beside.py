"""The receiver of callbacks for tests that are not asynchronous: it runs beside them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tests.callbacks.receiver import Receiver, Reply, answer, receiving


@contextmanager
def receiving_beside(reply: Reply | None = None) -> Iterator[Receiver]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = receiving(reply)
    try:
        yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def in_turn(*statuses: str) -> Reply:
    """Answers with these one after the other, and with the last one for good."""
    left = deque(statuses)

    async def reply(writer: asyncio.StreamWriter) -> None:
        await answer(left.popleft() if len(left) > 1 else left[0])(writer)

    return reply
