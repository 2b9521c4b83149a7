"""Our own items about the second corpus: hand-written, and answered by a reader who did not see the key (279 of 280).

Of the 280 written, 27 went: one with two right options, and those that general knowledge answers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

from training.evaluation.items import read_items
from training.evaluation.trivial import trivial_arms

ITEMS = read_items(Path(__file__).parents[1] / "data" / "nitro_mcq.csv")


def test_there_are_enough_of_them_about_enough_pages() -> None:
    assert len(ITEMS) >= 250
    assert len({item.source for item in ITEMS}) >= 25
    assert len({item.question for item in ITEMS}) == len(ITEMS)
    assert all(len(set(item.options)) == 4 and all(item.options) for item in ITEMS)


def test_neither_place_nor_length_gives_the_answer_away() -> None:
    arms = {name: sum(scores) / len(ITEMS) for name, scores in trivial_arms(ITEMS, seed=1).items()}
    assert all(0.2 < share < 0.3 for name, share in arms.items() if name != "random"), arms
    shortest = [min(range(4), key=lambda place: len(item.options[place])) == item.correct for item in ITEMS]
    assert 0.2 < sum(shortest) / len(ITEMS) < 0.33
    runs = Counter(a.correct == b.correct for a, b in itertools.pairwise(ITEMS))
    assert runs[True] / len(ITEMS) < 0.35


def test_no_question_speaks_of_its_page() -> None:
    forbidden = ("this page", "this section", "according to the doc", "above", "the given", "all of the", "none of the")
    spoken = [item.question for item in ITEMS if any(words in item.question.lower() for words in forbidden)]
    assert spoken == []
