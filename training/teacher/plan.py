"""What is written about, and on which side of the split it stands: settled before the first question."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.index.section import Chunk
from training.corpus import section_of
from training.pair import Split
from training.schema.generate import GenerateRecipe


@dataclass(frozen=True, slots=True)
class Plan:
    """split: the side of every section of the docs, also of those that nothing is written about.

    chunks: those that are written about. joined, left_out: ids of those among them that are joined to another
    section's, and that are asked for what the docs leave out.
    """

    split: Mapping[str, Split]
    chunks: Sequence[Chunk]
    joined: frozenset[str]
    left_out: frozenset[str]

    def side(self, chunk: Chunk) -> Split:
        return self.split[section_of(chunk)]

    def most_requests(self, recipe: GenerateRecipe) -> int:
        """So many when every reply is of use: an unanswerable question is checked by a request of its own."""
        return len(self.chunks) * recipe.passes + len(self.joined) + len(self.left_out) * (1 + recipe.pairs_per_request)


def plan(chunks: Sequence[Chunk], recipe: GenerateRecipe) -> Plan:
    """chunks: all of the docs, in order. The seed draws; the order is kept."""
    split = split_sections(chunks, recipe.held_out_share, recipe.seed)
    chosen = _drawn(chunks, split, recipe)
    ids = [chunk.id for chunk in chosen]
    return Plan(
        split,
        chosen,
        _share(ids, recipe.multi_section_share, f"{recipe.seed} joined"),
        _share(ids, recipe.unanswerable_share, f"{recipe.seed} left out"),
    )


def split_sections(chunks: Sequence[Chunk], share: float, seed: int) -> dict[str, Split]:
    """Whole sections held out until they have `share` of the chunks; at least one where there are two."""
    sizes = Counter(section_of(chunk) for chunk in chunks)
    order = sorted(sizes)
    random.Random(seed).shuffle(order)  # noqa: S311  (no secret)
    wanted = share * len(chunks)
    held: set[str] = set()
    for section in order:
        if sum(sizes[one] for one in held) + sizes[section] <= wanted:
            held.add(section)
    if share and not held and len(sizes) > 1:
        held = {min(order, key=lambda section: sizes[section])}
    return {section: "held_out" if section in held else "train" for section in sorted(sizes)}


def _drawn(chunks: Sequence[Chunk], split: Mapping[str, Split], recipe: GenerateRecipe) -> Sequence[Chunk]:
    """`max_chunks` of them, the held-out side with its share and at least one."""
    if recipe.max_chunks is None or recipe.max_chunks >= len(chunks):
        return chunks
    draw = random.Random(recipe.seed)  # noqa: S311
    held = [place for place, chunk in enumerate(chunks) if split[section_of(chunk)] == "held_out"]
    train = [place for place, chunk in enumerate(chunks) if split[section_of(chunk)] == "train"]
    wanted = max(round(recipe.max_chunks * recipe.held_out_share), 1 if recipe.max_chunks > 1 else 0)
    places = draw.sample(held, min(wanted, len(held)))
    places += draw.sample(train, min(recipe.max_chunks - len(places), len(train)))
    return [chunks[place] for place in sorted(places)]


def _share(ids: Sequence[str], share: float, seed: str) -> frozenset[str]:
    count = max(1, round(share * len(ids))) if share and ids else 0
    return frozenset(random.Random(seed).sample(sorted(ids), count))  # noqa: S311
