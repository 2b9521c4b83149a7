"""Many visitors at once: no stream may be lost, mixed up or broken off."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.questions import LabelledQuestion
from bench.service import RunningService
from bench.visitor import Visitor, visitors

_CUT_SHARE = 0.3  # of the answers lose their connection after a few events, and are resumed
_CUT_EVENTS = 4


async def press(
    service: RunningService, questions: Sequence[LabelledQuestion], at_once: int, seconds: float
) -> dict[str, Any]:
    """`at_once` visitors ask one question after the other for `seconds`. Counts how each stream ended.

    resumed: streams whose connection was cut on the way and that went on from the event behind the last one seen.
    mixed: those with an event of another answer, one twice or one missing, or another text than the whole answer's.
    """
    ends: Counter[str] = Counter()
    deadline = time.perf_counter() + seconds
    chance = random.Random(0)  # noqa: S311  (which connections break)

    async def visit(number: int, visitor: Visitor) -> None:
        asked = number
        while time.perf_counter() < deadline:
            question = questions[asked % len(questions)].question
            cut_after = chance.randint(1, _CUT_EVENTS) if chance.random() < _CUT_SHARE else 0
            streamed = await visitor.ask(question, cut_after)
            end = streamed.end(question)
            ends[end] += 1
            ends["resumed"] += streamed.resumed
            asked += at_once
            if end == "429":
                await asyncio.sleep(1)

    async with visitors(service, at_once) as all_of_them:
        await asyncio.gather(*(visit(number, one) for number, one in enumerate(all_of_them)))
    return {"at_once": at_once, "seconds": seconds, **dict(ends)}
