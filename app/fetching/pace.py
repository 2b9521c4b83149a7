"""How fast a website is asked."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """interval: seconds from the start of one request to that of the next, at least."""

    def __init__(
        self,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.interval = interval
        self._clock = clock
        self._sleep = sleep
        self._last = float("-inf")

    def wait(self) -> None:
        pause = self._last + self.interval - self._clock()
        if pause > 0:
            self._sleep(pause)
        self._last = self._clock()
