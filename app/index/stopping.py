"""Ending the threads of a run that nobody waits for any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.index.build import Progress, Report


class _Stopped(Exception):
    """Ends the thread of a cancelled run; nobody waits for its result."""


@contextmanager
def stoppable(report: Report) -> Iterator[Report]:
    """A `report` that ends the thread calling it once the block is left: a thread cannot be cancelled, and Ctrl-C
    should not wait until all is embedded.
    """
    left = threading.Event()

    def pass_on(progress: Progress) -> None:
        if left.is_set():
            raise _Stopped
        report(progress)

    try:
        yield pass_on
    finally:
        left.set()
