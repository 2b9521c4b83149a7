"""When a failed callback is tried again, and which answers of a receiver are its last word."""

from __future__ import annotations

import math
import random
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import accumulate, pairwise

# The delays that Standard Webhooks 1.0 proposes, cut so that the last try is within a day: together 23 h 35 min.
DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 28_800.0, 28_800.0)
HORIZON = 86_400.0  # seconds after the first attempt after which there is none

GONE = 410  # the receiver wants no more of these: no retry, and its URL is switched off
# These speak of the message itself, which stays the same: its content, size, media type, target or headers. All
# other failures are tried again, 400, 401, 403, 404 and redirects included: they are what a receiver says while it
# is being deployed or set up, and eight tries a day are cheap against a lost decision.
FINAL_STATUSES = frozenset({GONE, 413, 414, 415, 422, 431})


def is_delivered(status: int) -> bool:
    return 200 <= status < 300


def may_retry(status: int) -> bool:
    """Whether an answer with this status leaves room for another try."""
    return not is_delivered(status) and status not in FINAL_STATUSES


def retry_times(seed: str) -> tuple[float, ...]:
    """The tries after the first, in seconds after it, rising; the same ones for the same seed (a delivery's id).

    Full jitter: each is drawn from the whole of its interval, so that deliveries that failed together come back
    spread out. The intervals are counted from the first attempt, not from the last: the sum of independent draws
    would end after half a day on average, and miss a receiver that is away for a day.
    """
    chance = random.Random(seed)  # noqa: S311  (spreads load, guards nothing)
    return tuple(chance.uniform(start, end) for start, end in pairwise(accumulate(DELAYS, initial=0.0)))


def next_try(seed: str, elapsed: float, retry_after: float | None = None) -> float | None:
    """When to try again, in seconds after the first attempt; None where nothing is left to try.

    elapsed: seconds from the first attempt to the end of the last one; planned times that went by meanwhile (the
    service was down) are skipped, not caught up with. retry_after: seconds the receiver asks for. It moves the try
    to a later planned time, never to an earlier one, and beyond the last planned time as far as HORIZON.
    """
    left = [planned for planned in retry_times(seed) if planned > elapsed]
    if not left:
        return None
    wanted = elapsed + (retry_after or 0.0)
    return next((planned for planned in left if planned >= wanted), min(wanted, HORIZON))


def retry_after_seconds(header: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header (RFC 9110: seconds or a date) asks for, HORIZON at most; None: no wait said."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), HORIZON)
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:  # what a date with the zone -0000 becomes
        date = date.replace(tzinfo=now.tzinfo)
    seconds = (date - now).total_seconds()
    return min(math.ceil(seconds), HORIZON) if seconds > 0 else None
