"""The multiple-choice benchmark: every model in every arm, every item in all four cyclic orders of its options."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.errors import PromptTooLong
from app.index.section import Chunk
from app.llm.client import ChatClient
from training.evaluation.asking import cloze_prompt, letter_prompt
from training.evaluation.contexts import Arm, Context, Contexts
from training.evaluation.items import Item
from training.evaluation.scoring import Scorer, Scores, Scoring, probabilities
from training.fingerprint import json_hash

ORDERS = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model made of one item in one arm.

    orders: scores of the options by cyclic order, in the item's own order of options; one entry for cloze. passages:
    paths of the pages shown. holds_source: whether the item's page is among them, None where nobody knows.
    """

    item: int
    correct: int
    orders: tuple[tuple[float, ...], ...]
    method: str
    seconds: float
    prompt_tokens: int
    passages: tuple[str, ...] = ()
    holds_source: bool | None = None

    @property
    def right(self) -> float:
        """Share of the orders in which the right option is chosen."""
        chosen = [max(range(len(scores)), key=lambda place: scores[place]) for scores in self.orders]
        return sum(one == self.correct for one in chosen) / len(chosen)

    @property
    def probabilities(self) -> list[float]:
        """Of the options, mean over the orders: a liking for a place cancels out."""
        each = [probabilities(scores) for scores in self.orders]
        return [sum(column) / len(each) for column in zip(*each, strict=True)]

    @property
    def pooled(self) -> bool:
        """Whether the option with the highest mean probability is the right one."""
        by_option = self.probabilities
        return max(range(len(by_option)), key=lambda place: by_option[place]) == self.correct

    def shown_at(self) -> list[int]:
        """The place, 0 to 3, that was chosen in each order, as it was shown."""
        return [
            (max(range(len(scores)), key=lambda place: scores[place]) - shift) % len(scores)
            for shift, scores in enumerate(self.orders)
        ]


@dataclass(slots=True)
class ArmResult:
    """outcomes: by item, in the order of items. left_out: items that the arm cannot be asked about, with the reason."""

    model: str
    arm: Arm
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.model}.{self.arm}"


class ScoreCache:
    """A line of JSON an item, arm and model, by what was asked: a run that was killed asks only for the rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, dict[str, object]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    self._known[row["key"]] = row
                except (ValueError, KeyError, TypeError):
                    continue  # the line that a kill cut off
            if not path.read_bytes().endswith(b"\n"):
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n")

    def get(self, key: str) -> dict[str, object] | None:
        return self._known.get(key)

    def put(self, key: str, row: dict[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key} | row) + "\n")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Items with the passages of each arm, and how they are scored. advance: called after every item of an arm."""

    items: Sequence[Item]
    contexts: Contexts | None
    scoring: Scoring
    cache: ScoreCache
    advance: Callable[[], None]

    async def run(self, name: str, identity: str, client: ChatClient, arm: Arm) -> ArmResult:
        """Raises SourceError where the model cannot be scored, and what the client raises."""
        result = ArmResult(name, arm)
        scorer = Scorer(client, self.scoring)
        for item in self.items:
            context = self._context(item, arm)
            if context is None:
                result.left_out[item.number] = "its source is not known, or not in the docs"
            else:
                try:
                    result.outcomes.append(await self._outcome(scorer, identity, item, context))
                except PromptTooLong:
                    result.left_out[item.number] = "the prompt is longer than the model's context"
            self.advance()
        return result

    def _context(self, item: Item, arm: Arm) -> Context | None:
        if self.contexts is None:
            return Context((), None) if arm == "closed" else None
        return self.contexts.of(item, arm, self.items)

    async def _outcome(self, scorer: Scorer, identity: str, item: Item, context: Context) -> Outcome:
        asked = _asked(self.scoring, item, context.passages)
        key = json_hash({"model": identity, "scoring": self.scoring, "asked": asked, "options": item.options})
        known = self.cache.get(key)
        if known is None:
            known = await _scored(scorer, self.scoring, item, context.passages)
            self.cache.put(key, known)
        return Outcome(
            item=item.number,
            correct=item.correct,
            orders=tuple(tuple(one) for one in known["orders"]),  # type: ignore[attr-defined]
            method=str(known["method"]),
            seconds=float(known["seconds"]),  # type: ignore[arg-type]
            prompt_tokens=int(known["prompt_tokens"]),  # type: ignore[call-overload]
            passages=tuple(dict.fromkeys(chunk.path for chunk in context.passages)),
            holds_source=context.holds_source,
        )


def _asked(scoring: Scoring, item: Item, passages: Sequence[Chunk]) -> list[dict[str, str]]:
    prompt = letter_prompt(item, passages, item.order(0)) if scoring == "letter" else cloze_prompt(item, passages)
    return [asdict(message) for message in prompt]


async def _scored(scorer: Scorer, scoring: Scoring, item: Item, passages: Sequence[Chunk]) -> dict[str, object]:
    began = time.perf_counter()
    shifts = range(ORDERS if scoring == "letter" else 1)
    found: list[Scores] = [await scorer.score(item, passages, shift) for shift in shifts]
    return {
        "orders": [one.options for one in found],
        "method": found[0].method,
        "seconds": round(time.perf_counter() - began, 4),
        "prompt_tokens": sum(one.prompt_tokens for one in found),
    }
