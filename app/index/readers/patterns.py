"""Which files of a source are read: patterns as in .gitignore files."""

from __future__ import annotations

from collections.abc import Sequence

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.base import GitIgnorePatternError

from app.errors import InvalidInput


class Patterns:
    """include: what is read; everything where there is none. exclude: what of it is left out.

    Both in the syntax of .gitignore: `guides/`, `*.md`, `/internal/**`, and `!` for an exception. Raises InvalidInput.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)

    def wants(self, path: str) -> bool:
        """path: POSIX path below the root of the source."""
        if self._include is not None and not self._include.match_file(path):
            return False
        return self._exclude is None or not self._exclude.match_file(path)


def _compiled(patterns: Sequence[str]) -> GitIgnoreSpec | None:
    if not patterns:
        return None
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except GitIgnorePatternError as error:
            raise InvalidInput(f"the pattern {pattern!r} is none: write it as in a .gitignore file") from error
    return GitIgnoreSpec.from_lines(patterns)
