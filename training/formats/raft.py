"""Rows with passages (RAFT, 2403.10131): the service's own prompt, and the answer it would like best.

A row shows the gold passages, on which the answer stands, and hard distractors: what the serving search finds for the
question besides them, as far as it does not hold the answer, too. Of some rows the gold passages are taken out, and
of questions that the docs do not answer there are none: then the answer abstains in the service's words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.answering.prompt import NOT_IN_DOCS, Passage, render_answer_prompt
from app.answering.quotes import is_signpost
from app.index.section import Chunk
from training.corpus import Corpus, section_of
from training.formats.citing import Cited, Grounds
from training.pair import Pair
from training.rows import Chat
from training.schema.prepare import Raft
from training.splitting import Entry, Placed, Side

_SEARCHED = 20  # candidates of the service's search, of which the distractors are the best
_MESSAGE_TOKENS = 5  # what a chat template puts around a message: ChatML five, Mistral's fewer
Kind = Literal["gold", "no_gold", "unanswerable"]


@dataclass(frozen=True, slots=True)
class Example:
    """passages: of the prompt, in its order. gold: their numbers, from 1, that hold the answer; none where it abstains.

    quoted: the answer is nothing but quotes.
    """

    placed: Placed
    passages: tuple[Chunk, ...]
    gold: tuple[int, ...]
    answer: str
    quoted: bool = False

    @property
    def kind(self) -> Kind:
        if self.placed.pair.kind == "unanswerable":
            return "unanswerable"
        return "gold" if self.gold else "no_gold"

    @property
    def prompt(self) -> Chat:
        return answer_prompt(self.placed.pair.question, self.passages)

    @property
    def entry(self) -> Entry:
        shown = frozenset(map(section_of, self.passages))
        return Entry(self.placed.pair.question, self.placed.section, shown)

    def as_row(self) -> dict[str, Any]:
        return {
            "messages": [*self.prompt, {"role": "assistant", "content": self.answer}],
            "kind": self.kind,
            "quoted": self.quoted,
            "gold": list(self.gold),
            "chunks": [chunk.id for chunk in self.passages],
            "section": self.placed.section,
            "row": self.placed.pair.row,
        }


def answer_prompt(question: str, passages: Sequence[Chunk]) -> Chat:
    """The messages that the service sends for these passages, in this order."""
    turns = render_answer_prompt(question, [Passage(chunk.context, chunk.text) for chunk in passages])
    return [{"role": turn.role, "content": turn.content} for turn in turns]


class ExampleMaker:
    """Makes rows of one corpus. hidden: sections that no row to train on shows."""

    def __init__(
        self,
        corpus: Corpus,
        grounds: Grounds,
        settings: Raft,
        *,
        hidden: frozenset[str],
        count_tokens: Callable[[str], int],
        seed: int,
    ) -> None:
        self._corpus = corpus
        self._by_id = corpus.by_id
        self._grounds = grounds
        self._settings = settings
        self._hidden = hidden
        self._count = count_tokens
        self._seed = seed

    async def make(self, placed: Placed) -> Example | str:
        """The row of a pair, or in a few words why there is none. The same seed makes the same row."""
        pair = placed.pair
        draw = random.Random(f"{self._seed} {pair.question}")  # noqa: S311  (no secret)
        found = await self.found(pair.question, placed.side)
        if pair.kind == "unanswerable":
            return self._fitting(placed, None, found, draw)
        gold = [chunk for one in pair.chunks if (chunk := self._by_id.get(one)) and self._may_show(chunk, placed.side)]
        cited = self._cited(pair, gold)
        if not cited.claims:
            return "too little of its answer passes the grounding check"
        others: list[Chunk] = []
        for chunk in found:
            if len(others) > self._settings.distractors:
                break
            if chunk.id not in pair.chunks and not self._grounds.holds(chunk, cited, pair.quotes):
                others.append(chunk)
        abstains = bool(others) and draw.random() < self._settings.no_gold_share
        return self._fitting(placed, None if abstains else cited, others, draw)

    def _cited(self, pair: Pair, gold: Sequence[Chunk]) -> Cited:
        """The answer as it was written, or where too little of it stands, its quotes."""
        written = self._grounds.cite(pair.answer, gold)
        if written.opens and written.supported >= self._settings.min_supported:
            return written
        return self._grounds.quoted(pair.quotes if self._settings.quote_instead else (), gold)

    async def found(self, question: str, side: Side) -> list[Chunk]:
        """What the service finds and would show, best first, without hidden sections where it is trained on."""
        candidates = [one.chunk for one in await self._corpus.search(question, _SEARCHED)]
        return [chunk for chunk in candidates if not is_signpost(chunk.text) and self._may_show(chunk, side)]

    def _may_show(self, chunk: Chunk, side: Side) -> bool:
        return side == "held_out" or section_of(chunk) not in self._hidden

    def _fitting(
        self, placed: Placed, cited: Cited | None, others: Sequence[Chunk], draw: random.Random
    ) -> Example | str:
        """The row with as many distractors as there is room for. cited: the answer; None: it abstains.

        Without gold passages one more distractor is shown, so that their number tells nothing.
        """
        gold = [self._by_id[one] for one in cited.chunks] if cited else []
        room = self._settings.context_tokens - sum(chunk.tokens for chunk in gold)
        if room < 0 and len(gold) > 1:
            return "its gold passages are over context_tokens"
        chosen: list[Chunk] = []
        for chunk in others[: self._settings.distractors + (not gold)]:
            if chunk.tokens <= room:
                chosen.append(chunk)
                room -= chunk.tokens
        while passages := self.ordered([*gold, *chosen], draw):
            numbers = {chunk.id: number for number, chunk in enumerate(passages, start=1)}
            answer = cited.text(numbers) if cited else NOT_IN_DOCS
            numbered = tuple(sorted(numbers[one.id] for one in gold))
            example = Example(placed, passages, numbered, answer, quoted=bool(cited and cited.is_quoted))
            if self.tokens(example) <= self._settings.max_length:
                return example
            if not chosen:
                return "it is longer than max_length"
            chosen.pop()
        return "nothing is found to show with it"

    def ordered(self, chunks: Sequence[Chunk], draw: random.Random) -> tuple[Chunk, ...]:
        served = sorted(chunks, key=lambda one: (one.source, one.path, one.id))
        return tuple(served if self._settings.order == "served" else draw.sample(served, len(served)))

    def tokens(self, example: Example) -> int:
        """Of the prompt and the answer."""
        said = [*(message["content"] for message in example.prompt), example.answer]
        return sum(self._count(text) + _MESSAGE_TOKENS for text in said)
