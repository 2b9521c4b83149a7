"""The study's own protocol: the same items in many rounds, sampled at a low temperature, and a t-test over rounds."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from app.errors import PromptTooLong
from app.index.section import Chunk
from app.llm.client import ChatClient, Message
from training.evaluation.asking import letter_prompt
from training.evaluation.contexts import Arm, Contexts
from training.evaluation.items import LETTERS, Item
from training.evaluation.mcq import ScoreCache
from training.evaluation.results import Rounds, RoundsTest, StudyProtocol
from training.fingerprint import json_hash

TEMPERATURE = 0.1
STUDY_ARMS: tuple[Arm, ...] = ("closed", "rag")
_MAX_TOKENS = 8
_LETTER = re.compile(r"(?<![A-Za-z])([ABCD])(?![A-Za-z'])")


def said_letter(text: str) -> str:
    """The first A, B, C or D that stands alone, '' where there is none.

    >>> said_letter("The answer is B."), said_letter("b)"), said_letter("A lamp"), said_letter("Bees")
    ('B', 'B', 'A', '')
    """
    found = _LETTER.search(text) or _LETTER.search(text.upper() if len(text.strip()) <= 3 else "")
    return found[1] if found else ""


@dataclass(slots=True)
class Sampled:
    """One arm: by round, how many items were right and how many replies had no letter."""

    model: str
    arm: Arm
    right: list[int] = field(default_factory=list)
    unparsed: int = 0


@dataclass(frozen=True, slots=True)
class Rounded:
    """Items in rounds. A round is a seed; options stand in the file's order, as in the study."""

    items: Sequence[Item]
    contexts: Contexts | None
    cache: ScoreCache
    advance: Callable[[], None]

    async def run(self, name: str, identity: str, client: ChatClient, arm: Arm, rounds: int) -> Sampled:
        sampled = Sampled(name, arm)
        prompts = [letter_prompt(item, self._passages(item, arm), item.order(0)) for item in self.items]
        for seed in range(rounds):
            right = 0
            for item, messages in zip(self.items, prompts, strict=True):
                letter = said_letter(await self._said(client, identity, messages, seed))
                sampled.unparsed += not letter
                right += letter == LETTERS[item.correct]
                self.advance()
            sampled.right.append(right)
        return sampled

    def _passages(self, item: Item, arm: Arm) -> Sequence[Chunk]:
        context = self.contexts.of(item, arm, self.items) if self.contexts is not None else None
        return context.passages if context else ()

    async def _said(self, client: ChatClient, identity: str, messages: Sequence[Message], seed: int) -> str:
        """'' where the prompt is too long: such an item is wrong, as the study counted it."""
        key = json_hash({"model": identity, "study": [asdict(one) for one in messages], "seed": seed})
        known = self.cache.get(key)
        if known is None:
            try:
                said = await client.complete(messages, temperature=TEMPERATURE, max_tokens=_MAX_TOKENS, seed=seed)
                known = {"said": said.text}
            except PromptTooLong:
                known = {"said": ""}
            self.cache.put(key, known)
        return str(known["said"])


def tabulate(sampled: Sequence[Sampled], items: int) -> StudyProtocol:
    arms = {f"{one.model}.{one.arm}": _rounds(one, items) for one in sampled}
    names = list(arms)
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    return StudyProtocol(
        temperature=TEMPERATURE,
        arms=arms,
        tests=[_test(first, second, arms[first], arms[second]) for first, second in pairs],
        shows=(
            f"The rounds repeat the same {items} items, so mean and spread say how steadily a model samples its "
            "answers, and a small p only that two arms sample differently. They say nothing of other questions: for "
            f"that the number of cases is {items}, however many rounds there are, and the intervals and McNemar tests "
            "of the likelihood protocol count."
        ),
    )


def _rounds(one: Sampled, items: int) -> Rounds:
    shares = [right / items for right in one.right]
    lower, middle, upper = statistics.quantiles(shares, n=4, method="inclusive") if len(shares) > 1 else shares * 3
    return Rounds(
        rounds=len(shares),
        mean=round(statistics.fmean(shares), 4),
        std=round(statistics.stdev(shares), 4) if len(shares) > 1 else None,
        minimum=round(min(shares), 4),
        lower_quartile=round(lower, 4),
        median=round(middle, 4),
        upper_quartile=round(upper, 4),
        maximum=round(max(shares), 4),
        unparsed=round(one.unparsed / (items * len(shares)), 4),
        accuracies=[round(share, 4) for share in shares],
    )


def _test(first: str, second: str, one: Rounds, other: Rounds) -> RoundsTest:
    """Without spread in either arm there is no t: the difference is then exact for these items."""
    from scipy.stats import ttest_ind  # noqa: PLC0415  (only training has it)

    t = p = math.nan
    if (one.std or 0) + (other.std or 0) > 0:
        found = ttest_ind(other.accuracies, one.accuracies, equal_var=False)
        t, p = float(found.statistic), float(found.pvalue)
    return RoundsTest(
        first=first,
        second=second,
        difference=round(other.mean - one.mean, 4),
        t=None if math.isnan(t) else round(t, 4),
        p=None if math.isnan(p) else p,
    )
