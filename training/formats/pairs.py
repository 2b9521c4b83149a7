"""Preference pairs of the docs' own questions: the answer with passages, against one that does not stand on them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from training.formats.citing import Grounds
from training.formats.raft import Example
from training.formats.rejecting import fault, model_answers
from training.rows import Chat
from training.schema.prepare import Rejecting


def preference_row(prompt: Chat, chosen: str, rejected: str, **about: object) -> dict[str, Any]:
    """As `training.preferences` reads it. about: further columns, of which a trainer takes no notice."""
    return {
        "prompt": prompt,
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        **about,
    }


async def answered_pairs(
    examples: Sequence[Example], how: Rejecting, grounds: Grounds, folder: Path, seed: int, advance: Callable[[], None]
) -> tuple[list[tuple[Example, dict[str, Any]]], Counter[str]]:
    """A pair of each example that the model did not answer well, with the example, and how many there are by reason.

    An answer that stands is none to reject: it may be better than the chosen one.
    """
    answers = await model_answers([one.prompt for one in examples], how, folder, seed, advance)
    pairs, counts = [], Counter[str]()
    for example, answer in zip(examples, answers, strict=True):
        if answer is None:
            counts["no answer"] += 1
            continue
        reason = fault(answer, example, grounds)
        counts[reason or "it stands"] += 1
        if reason:
            about = {"reason": reason, "section": example.placed.section, "row": example.placed.pair.row}
            pairs.append((example, preference_row(example.prompt, example.answer, answer, **about)))
    return pairs, counts


def drawn(examples: Sequence[Example], limit: int | None, seed: int) -> list[Example]:
    """So many of them, in their order; all of them without a limit."""
    if limit is None or limit >= len(examples):
        return list(examples)
    chosen = set(random.Random(seed).sample(range(len(examples)), limit))  # noqa: S311  (no secret)
    return [example for number, example in enumerate(examples) if number in chosen]
