"""Train and held-out pairs, parted by sections of the docs, and the check that nothing stands on both sides."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.index.section import Chunk
from app.index.terms import terms
from training.corpus import section_of
from training.errors import LeakageFound, SourceError
from training.pair import Pair
from training.rows import normalised

Side = Literal["train", "held_out"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A pair on its side. section: of the first of its chunks."""

    pair: Pair
    section: str
    side: Side


@dataclass(frozen=True, slots=True)
class Entry:
    """What the leakage check looks at in a row. own: the section it is about. shown: those of its prompt's passages."""

    question: str
    own: str
    shown: frozenset[str] = frozenset()


@dataclass(slots=True)
class Split:
    """held_out_sections: no passage of them is shown to train on. left_out: pairs that fit on no side, by reason."""

    train: list[Placed]
    held_out: list[Placed]
    held_out_sections: frozenset[str]
    left_out: Counter[str] = field(default_factory=Counter)


def split_pairs(
    pairs: Sequence[Pair], chunks: Mapping[str, Chunk], *, share: float, near_duplicate: float, seed: int
) -> Split:
    """Part pairs by section, about `share` of the sections held out. A pair's own `split`, where it has one, decides.

    A pair to train on whose question is near one that is held out is left out. Raises SourceError where the pairs
    stand in fewer than two sections.
    """
    left_out: Counter[str] = Counter()
    sections: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        first = next((chunks[one] for one in pair.chunks if one in chunks), None)
        if first is None:
            left_out["its chunk is not in the docs"] += 1
        else:
            sections[section_of(first)].append(pair)
    held_out_sections = _held_out_sections(sections, share, seed)
    sides: dict[Side, list[Placed]] = {"train": [], "held_out": []}
    for section, found in sections.items():
        side: Side = "held_out" if section in held_out_sections else "train"
        for pair in found:
            if pair.split in {"", side}:
                sides[side].append(Placed(pair, section, side))
            else:
                left_out["its section is on the other side"] += 1
    near = KnownQuestions([one.pair.question for one in sides["held_out"]], near_duplicate)
    train = [one for one in sides["train"] if not near.has_near(one.pair.question)]
    left_out["its question is near a held-out one"] += len(sides["train"]) - len(train)
    if not train:
        raise SourceError("no pair is left to train on: lower held_out_share, or give pairs about more sections")
    return Split(train, sides["held_out"], frozenset(held_out_sections), +left_out)


def _held_out_sections(sections: Mapping[str, Sequence[Pair]], share: float, seed: int) -> set[str]:
    """Those that pairs say are held out; where none says anything, each by its own draw of the seed.

    A section's side does not depend on the other pairs, so runs with other filters or formats hold out the same ones.
    """
    told = {section for section, pairs in sections.items() if any(pair.split == "held_out" for pair in pairs)}
    if told or any(pair.split for pairs in sections.values() for pair in pairs):
        return told
    if len(sections) < 2:
        raise SourceError(f"the pairs stand in {len(sections)} section of the docs: nothing can be held out")
    drawn = {section: random.Random(f"{seed}:{section}").random() for section in sections}  # noqa: S311  (no secret)
    order = sorted(drawn, key=lambda section: drawn[section])
    chosen = {section for section in order if drawn[section] < share}
    return (chosen or {order[0]}) - {order[-1]}


class KnownQuestions:
    """Finds questions that share at least `threshold` of their stemmed words (Jaccard) with one of the given ones.

    Every pair with a word in common is compared: the check misses nothing, as the filters' MinHash now and then does.
    """

    def __init__(self, questions: Sequence[str], threshold: float) -> None:
        self._threshold = threshold
        self._words = [frozenset(terms(question)) for question in questions]
        self._said = frozenset(normalised(question) for question in questions)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for place, words in enumerate(self._words):
            for word in words:
                self._by_word[word].append(place)

    def has_near(self, question: str) -> bool:
        """Whether one of them is the same in other letters, or near."""
        if normalised(question) in self._said:
            return True
        words = frozenset(terms(question))
        common = Counter(place for word in words for place in self._by_word.get(word, ()))
        return any(
            shared >= self._threshold * (len(words) + len(self._words[place]) - shared)
            for place, shared in common.items()
        )


def check_leakage(train: Sequence[Entry], held_out: Sequence[Entry], near_duplicate: float) -> None:
    """Raises LeakageFound where a question, a near one, or a section stands on both sides.

    A held-out row may show passages of sections that are trained on, as a question to the service does; no row to
    train on shows one of a held-out section.
    """
    kept_back = {one.own for one in held_out}
    seen = {section for one in train for section in (one.own, *one.shown)}
    if both := sorted(kept_back & seen):
        raise LeakageFound(f"{len(both)} held-out sections are trained on, the first is {both[0]}")
    near = KnownQuestions([one.question for one in held_out], near_duplicate)
    if leaked := [one.question for one in train if near.has_near(one.question)]:
        raise LeakageFound(f"{len(leaked)} questions to train on are near a held-out one, the first is: {leaked[0]}")
