"""The last filter: a model reads each pair beside its passages, and says what of it they do not state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.index.section import Chunk
from training.pair import Pair
from training.schema.filters import Judge
from training.teacher.asking import Asking, Subject
from training.teacher.cache import Cache
from training.teacher.endpoint import open_endpoint
from training.teacher.ledger import Ledger
from training.teacher.prompts import judge

_NO_VERDICT = "the judge gave no verdict"


class Reading(BaseModel):
    """The judge's reply."""

    unsupported_claim: str
    supported: bool
    self_standing: bool


async def judge_pairs(pairs: Mapping[Pair, Sequence[Chunk]], how: Judge, folder: Path, seed: int) -> dict[Pair, str]:
    """Why the judge would not train on each pair, '' where it would. pairs: each with the passages it is shown with.

    Verdicts are kept in `folder` as they come, and `folder/ledger.jsonl` says what they cost: the same call asks only
    for what is not there. A pair without a verdict is not kept. Raises CostReached, TooManyFailures or TeacherRefuses.
    """
    ledger = _ledger(folder, how)
    async with open_endpoint(how.model, how.requests, seed, folder / "engine") as endpoint:
        asking = Asking(endpoint, Cache(folder / "replies"), ledger, how.requests)
        with _bar(len(pairs)) as bar:
            task = bar.add_task("judge", total=len(pairs))

            async def verdict(pair: Pair, chunks: Sequence[Chunk]) -> str:
                subject = Subject("judge", 0, tuple(chunk.id for chunk in chunks))
                said = await asking.ask(judge(chunks, pair.question, pair.answer), subject, Reading)
                bar.advance(task)
                return _NO_VERDICT if said is None else _reason(said[0])

            found = await asyncio.gather(*(verdict(pair, chunks) for pair, chunks in pairs.items()))
    asking.check_share()
    if asking.stopped:
        asking.forget_failed()
        kept = "the verdicts so far are kept: the same command goes on from there"
        raise type(asking.stopped)(f"{asking.stopped.detail}. {kept}") from asking.stopped
    return dict(zip(pairs, found, strict=True))


def _ledger(folder: Path, how: Judge) -> Ledger:
    folder.mkdir(parents=True, exist_ok=True)
    return Ledger(folder / "ledger.jsonl", how.prices, how.max_cost)


def _reason(said: Reading) -> str:
    if not said.supported:
        claim = " ".join(said.unsupported_claim.split())[:120]
        return f"not in the passages: {claim}" if claim else "not in the passages"
    return "" if said.self_standing else "nobody who has not seen the page would ask so"


def _bar(total: int) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    return Progress(*columns, console=console, disable=not console.is_terminal or not total)
