"""Memory of a trainer on a CPU: what one step freed is kept for the next."""

from __future__ import annotations

import ctypes
import platform

import psutil

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
_GROW_BY = 256 * 2**20  # bytes
_ENOUGH = 16 * 2**30
_SHORT = 4 * 2**30


def available_bytes() -> int:
    """Memory that can be had now, the system's cache of files among it."""
    return int(psutil.virtual_memory().available)


def keeps_freed_memory() -> bool:
    """Whether `keep_freed_memory` would change something here; changes nothing itself."""
    return available_bytes() >= _ENOUGH and platform.libc_ver()[0] == "glibc"


def keep_freed_memory() -> bool:
    """Have glibc hand freed memory out again, instead of back to the system; for the rest of this process.

    By default each tensor of 32 MB or more is mapped anew, and its pages are faulted in one by one: a sum of two
    tensors of 80 MB ran at 10 GB/s so, and at 50 without it; a step of SmolLM2 takes 4.5 s in place of 7. It costs
    memory: 14.7 GB were seen for what takes 8.3 GB without it, and 19.6 GB where rows of many lengths leave holes that
    fit no other; so nothing is changed where less than 16 GiB are free, and `give_back_when_short` is called on the
    way. False where nothing is changed, and where the C library is another one.
    """
    if available_bytes() < _ENOUGH:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS and Windows have none
        return False
    return all(
        mallopt(what, value) == 1 for what, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, _GROW_BY))
    )


def give_back_when_short() -> bool:
    """Return all freed memory to the system where less than 4 GiB are left; the next step faults its pages in again.

    19.6 GB became 6.7 so in the middle of a run, within a second. Whether it was done.
    """
    if psutil.virtual_memory().available >= _SHORT:
        return False
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    return bool(trim(0))
