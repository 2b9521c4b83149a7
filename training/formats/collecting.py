"""The rows of all formats, side by side, as one walk over the placed pairs makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.corpus import Corpus
from training.formats.citing import Grounds
from training.formats.outcomes import OutcomePair, OutcomePairs, judged
from training.formats.pairs import answered_pairs, drawn
from training.formats.plain import chat_row
from training.formats.raft import Example, ExampleMaker
from training.rows import read_as
from training.run_folder import RunFolder
from training.schema.prepare import Format, PrepareRecipe
from training.splitting import Entry, KnownQuestions, Side, Split

_SIDES: tuple[Side, Side] = ("train", "held_out")

Row = Mapping[str, Any]


class FormatRows:
    """Rows by format and side, what the leakage check has to see of them, and what was left out on the way."""

    def __init__(self, recipe: PrepareRecipe, run: RunFolder, split: Split) -> None:
        self._recipe = recipe
        self._run = run
        self._split = split
        self.rows: dict[Format, dict[Side, list[Row]]] = {
            name: {side: [] for side in _SIDES} for name in recipe.formats
        }
        self.entries: dict[Side, list[Entry]] = {side: [] for side in _SIDES}
        self.counts: dict[str, Counter[str]] = {}

    async def fill(self, corpus: Corpus, known: KnownQuestions) -> None:
        recipe, split = self._recipe, self._split
        placed = [*split.train, *split.held_out]
        for one in placed:
            self.entries[one.side].append(Entry(one.pair.question, one.section))
            if "chat" in self.rows:
                self.rows["chat"][one.side].append(chat_row(one, recipe.system))
        if self.rows.keys() <= {"chat"}:
            return
        grounds = await Grounds.of(corpus)
        maker = ExampleMaker(
            corpus,
            grounds,
            recipe.raft,
            hidden=split.held_out_sections,
            count_tokens=token_counter(recipe) or corpus.count_tokens,
            seed=recipe.seed,
        )
        examples = await self._examples(maker)
        if "raft" in self.rows:
            for example in examples:
                self.rows["raft"][example.placed.side].append(example.as_row())
        if "preferences" in self.rows:
            await self._answered(examples, grounds)
            await self._judged(
                OutcomePairs(corpus, grounds, maker, recipe.raft, split=split, near=recipe.near_duplicate), known
            )

    async def _examples(self, maker: ExampleMaker) -> list[Example]:
        placed = [*self._split.train, *self._split.held_out]
        counts = self.counts["raft"] = Counter[str]()
        examples = []
        with progress("passages", len(placed)) as advance:
            for one in placed:
                made = await maker.make(one)
                advance()
                if isinstance(made, str):
                    counts[made] += 1
                    continue
                counts["gold, quoted" if made.quoted else made.kind] += 1
                examples.append(made)
                self.entries[one.side].append(made.entry)
        return examples

    async def _answered(self, examples: Sequence[Example], grounds: Grounds) -> None:
        how = self._recipe.rejecting
        if how is None:
            return
        chosen = drawn(examples, how.limit, self._recipe.seed)
        with progress("answers to reject", len(chosen)) as advance:
            pairs, self.counts["rejecting"] = await answered_pairs(
                chosen, how, grounds, self._run.path, self._recipe.seed, advance
            )
        for example, row in pairs:
            self.rows["preferences"][example.placed.side].append(row)

    async def _judged(self, maker: OutcomePairs, known: KnownQuestions) -> None:
        counts = self.counts["outcomes"] = Counter[str]()
        made: list[OutcomePair] = []
        for rows in self._recipe.outcomes:
            for given in read_as(rows, lambda row, _: judged(row)):
                if isinstance(given, str):
                    pair: OutcomePair | str = given
                elif known.has_near(given.question):
                    pair = "its question is near an evaluation one"
                else:
                    pair = await maker.make(given, self._recipe.seed)
                counts[pair if isinstance(pair, str) else "used"] += 1
                if not isinstance(pair, str):
                    made.append(pair)
        held_out = [one.entry.question for one in made if one.side == "held_out"]
        near = KnownQuestions(held_out, self._recipe.near_duplicate)
        for one in made:
            if one.side == "train" and near.has_near(one.entry.question):
                counts["its question is near one of the other side"] += 1
                counts["used"] -= 1
                continue
            self.rows["preferences"][one.side].append(one.row)
            self.entries[one.side].append(one.entry)


def token_counter(recipe: PrepareRecipe) -> Callable[[str], int] | None:
    """Of the recipe's tokenizer, None where it names none."""
    if recipe.tokenizer is None:
        return None
    from training.loading import load_tokenizer  # noqa: PLC0415  (torch, which nothing else here needs)

    tokenizer = load_tokenizer(recipe.tokenizer)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task(label, total=total)
        yield lambda: shown.advance(task)
