"""The passages that an item is shown with, arm by arm: the service's own search, and its own choice of what fits."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.answering.packing import packed, telling
from app.config import AnsweringSettings
from app.index.section import Chunk
from training.corpus import Corpus
from training.evaluation.items import Item

Arm = Literal["closed", "rag", "gold", "shuffled"]
ARMS: tuple[Arm, ...] = ("closed", "rag", "gold", "shuffled")


@dataclass(frozen=True, slots=True)
class Context:
    """passages: as they stand in the prompt. holds_source: whether one is of the item's page, None if nobody knows."""

    passages: tuple[Chunk, ...]
    holds_source: bool | None


class Contexts:
    """Passages of every item, by arm. A search is by the question alone, for options would tell it the answer."""

    def __init__(self, corpus: Corpus, settings: AnsweringSettings, seed: int) -> None:
        self._corpus = corpus
        self._settings = settings
        self._seed = seed
        self._found: dict[int, tuple[Chunk, ...]] = {}

    async def retrieve(self, items: Sequence[Item]) -> None:
        for item in items:
            result = await self._corpus.library.search(item.question)
            best = packed(telling(result.candidates, self._settings), self._settings)
            self._found[item.number] = tuple(one.chunk for one in best)

    def of(self, item: Item, arm: Arm, items: Sequence[Item]) -> Context | None:
        """None where the arm has none for this item: gold without a known source.

        `shuffled` shows what was retrieved for another item, each item's for one other: what any context does, be it
        about something else.
        """
        if arm == "closed":
            return Context((), None)
        if arm == "gold":
            return self._gold(item)
        owner = item if arm == "rag" else self._other(item, items)
        passages = self._found[owner.number]
        return Context(passages, _holds(passages, item))

    def _other(self, item: Item, items: Sequence[Item]) -> Item:
        """A cyclic shift of a shuffled list: a permutation in which nobody keeps its own, where there are two items."""
        order = sorted(items, key=lambda one: one.number)
        random.Random(self._seed).shuffle(order)  # noqa: S311  (no secret)
        return order[(order.index(item) + 1) % len(order)]

    def _gold(self, item: Item) -> Context | None:
        """Chunks of the item's page, those under its heading first, as far as the service's budget goes."""
        page = [chunk for chunk in self._corpus.chunks if chunk.path == item.source]
        if not item.source or not page:
            return None
        page.sort(key=lambda chunk: item.heading not in chunk.heading_path)  # stable: the order of the page otherwise
        chosen: list[Chunk] = []
        room = self._settings.context_tokens
        for chunk in page[: self._settings.max_passages]:
            if chunk.tokens <= room:
                chosen.append(chunk)
                room -= chunk.tokens
        return Context(tuple(chosen or page[:1]), True)


def _holds(passages: Sequence[Chunk], item: Item) -> bool | None:
    return any(chunk.path == item.source for chunk in passages) if item.source else None
