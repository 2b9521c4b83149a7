"""What goes wrong while documents are fetched."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import DocentError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FetchFailed(DocentError):
    """A source could not be fetched; what was fetched before stands as it was."""

    status = 422
    kind = "fetch-failed"
    title = "The source could not be fetched"


def no_space(folder: Path) -> str:
    return f"no space is left for {folder}: free some on its disk, and sync again"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Errors of the file system inside are a FetchFailed that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FetchFailed(no_space(folder)) from error
        raise FetchFailed(f"{folder} cannot be written ({error.strerror or error}): see to its rights") from error
