"""When a failed call is sent again."""

from __future__ import annotations

import random
import time

from docent_client.errors import DocentError

_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 10.0
_LATER = frozenset({429, 503})


class Patience:
    """Of one call. seconds: how long after its first try it may still be sent again, waits included."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._delay = _FIRST_SECONDS

    def wait_after(self, error: DocentError, *, repeatable: bool) -> float:
        """Seconds to wait before the next try; raises `error` where there is none.

        429 and 503: the service has not done it, and says when to come back. No response: nobody knows what was done,
        so that only a `repeatable` call is sent again.
        """
        if error.status not in _LATER and not (error.status is None and repeatable):
            raise error
        own = self._delay * random.uniform(0.5, 1.0)  # noqa: S311  (so that clients do not come back all at once)
        self._delay = min(self._delay * 2, _LONGEST_SECONDS)
        wait = own if error.retry_after is None else float(error.retry_after)
        if time.monotonic() + wait > self._until:
            raise error
        return wait
