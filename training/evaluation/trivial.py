"""Arms that read nothing: what a set of items gives away by place and length."""

from __future__ import annotations

import random
from collections.abc import Sequence

from training.evaluation.items import LETTERS, Item

LONGEST, RANDOM = "longest_option", "random"


def trivial_arms(items: Sequence[Item], seed: int) -> dict[str, list[float]]:
    """By arm, for each item 1 where it is right, else 0, in the file's own order of options.

    `always_a` … `always_d` say how even the right places are; over all four cyclic orders each would be 0.25.
    `longest_option` takes the one of most characters, the first of several. `random` draws one an item.
    """
    draw = random.Random(seed)  # noqa: S311  (no secret)
    arms = {
        f"always_{letter.lower()}": [float(item.correct == place) for item in items]
        for place, letter in enumerate(LETTERS)
    }
    arms[LONGEST] = [float(_longest(item) == item.correct) for item in items]
    arms[RANDOM] = [float(draw.randrange(len(item.options)) == item.correct) for item in items]
    return arms


def _longest(item: Item) -> int:
    return max(range(len(item.options)), key=lambda place: len(item.options[place]))
