"""Multiple-choice items: a CSV file of question, a, b, c, d, correct, and where it is known, source and heading."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import SourceError

LETTERS = ("A", "B", "C", "D")
_COLUMNS = ("question", "a", "b", "c", "d", "correct")
_LABEL = re.compile(r"^\s*\(?([A-Da-d])[.):]\s*")


@dataclass(frozen=True, slots=True)
class Item:
    """number: its row in the file, from 1. correct: place of the right option, 0 to 3.

    source: path of the page that holds the answer, relative to the docs; heading: over it. Both may be unknown, ''.
    reviewed: False where the file has a column `status` and nobody has kept the item yet.
    """

    number: int
    question: str
    options: tuple[str, ...]
    correct: int
    source: str = ""
    heading: str = ""
    reviewed: bool = True

    def order(self, shift: int) -> tuple[int, ...]:
        """Places of the options as they are shown, in the cyclic order that begins with option `shift`."""
        return tuple((place + shift) % len(self.options) for place in range(len(self.options)))


def read_items(path: Path) -> list[Item]:
    """Labels within the option texts ('A. …') are taken off where all four have their own; dropped items are left out.

    Raises SourceError with the row of what cannot be used.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise SourceError(f"{path}: no column {', '.join(missing)}; it needs {', '.join(_COLUMNS)}")
            rows = list(enumerate(reader, start=1))
            items = [_item(path, number, row) for number, row in rows if (row.get("status") or "").strip() != "drop"]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not items:
        raise SourceError(f"{path} has no items")
    return items


def _item(path: Path, number: int, row: Mapping[str, str | None]) -> Item:
    def cell(name: str) -> str:
        return (row.get(name) or "").strip()

    correct = cell("correct").upper().rstrip(".)")
    if not cell("question"):
        raise SourceError(f"{path}: row {number} has no question")
    if correct not in LETTERS:
        raise SourceError(f"{path}: row {number}: correct is {cell('correct')!r}, and not one of a, b, c, d")
    options = unlabelled([cell(name) for name in "abcd"])
    if not options[LETTERS.index(correct)]:
        raise SourceError(f"{path}: row {number}: the right option is empty")
    reviewed = "status" not in row or cell("status") == "keep"
    place = LETTERS.index(correct)
    return Item(number, cell("question"), options, place, cell("source"), cell("heading"), reviewed)


def unlabelled(options: Sequence[str]) -> tuple[str, ...]:
    """The options without their letters, where each begins with its own.

    >>> unlabelled(["A. one", "B. two", "C. three", "D. four"])
    ('one', 'two', 'three', 'four')
    >>> unlabelled(["A. one", "two", "three", "four"])
    ('A. one', 'two', 'three', 'four')
    """
    found = [_LABEL.match(option) for option in options]
    own = [match is not None and match[1].upper() == letter for match, letter in zip(found, LETTERS, strict=True)]
    if not all(own):
        return tuple(options)
    return tuple(_LABEL.sub("", option, count=1).strip() for option in options)
