"""Questions and answers about documentation, written by a teacher behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.corpus import open_corpus
from training.errors import ResultRefused
from training.manifest import write_json
from training.pair import Pair
from training.preflight.finding import Finding
from training.rows import located_docs
from training.run_folder import RunFolder
from training.schema.generate import GenerateRecipe
from training.teacher import preflight as checks
from training.teacher.asking import Asking, TooManyFailures
from training.teacher.cache import Cache
from training.teacher.endpoint import open_endpoint
from training.teacher.ledger import Ledger
from training.teacher.plan import Plan, plan
from training.teacher.writing import Writing

_LEDGER = "ledger.jsonl"


def preflight(recipe: GenerateRecipe) -> list[Finding]:
    """Reads and cuts the docs; asks the teacher nothing but whether it is there."""
    return checks.findings(recipe)


def main(recipe: GenerateRecipe, run: RunFolder) -> Mapping[str, Any]:
    """pairs.jsonl, failures.jsonl, ledger.jsonl and split.json in `run.staging`.

    Replies are kept in the cache as they come, so that a run that was cut off asks only for what was in flight.
    Raises CostReached, TooManyFailures or TeacherRefuses, and ResultRefused where no pair could be used, with what was
    made until then left in `run.staging`.
    """
    return asyncio.run(_generate(recipe, run))


async def _generate(recipe: GenerateRecipe, run: RunFolder) -> Mapping[str, Any]:
    ledger = Ledger(run.path / _LEDGER, recipe.prices, recipe.max_cost)
    cache = Cache(recipe.cache_dir or run.path / "cache")
    async with (
        open_corpus(located_docs(recipe.docs), run.path / "corpus") as corpus,
        open_endpoint(recipe.teacher, recipe.requests, recipe.seed, run.path / "engine") as endpoint,
    ):
        planned = plan(corpus.chunks, recipe)
        asking = Asking(endpoint, cache, ledger, recipe.requests)
        began, known = time.perf_counter(), len(ledger.rows)
        pairs = await _written(Writing(corpus, planned, recipe, asking))
        seconds = time.perf_counter() - began
        order = [chunk.id for chunk in corpus.chunks]
    asking.check_share()
    failures = asking.sorted_failures(order)
    _write(run, planned, pairs, failures)
    if isinstance(asking.stopped, TooManyFailures):
        asking.forget_failed()
    if asking.stopped:
        raise type(asking.stopped)(f"{asking.stopped.detail}. {_kept(run, pairs)}") from asking.stopped
    if not pairs:
        asking.forget_failed()
        raise ResultRefused(_nothing_written(asking, run))
    return {
        "metrics": {
            "chunks": len(planned.chunks),
            "requests": asking.asked,
            "cached": asking.cached,
            "failed_requests": asking.failed,
            "pairs": len(pairs),
            "pairs_by_kind": _counted(pair.kind for pair in pairs),
            "pairs_by_depth": _counted(str(pair.depth) for pair in pairs if pair.kind == "answerable"),
            "pairs_by_split": _counted(pair.split for pair in pairs),
            "failures": _counted(row["reason"] for row in failures),
            "prompt_tokens": sum(row["prompt_tokens"] for row in ledger.rows),
            "completion_tokens": sum(row["completion_tokens"] for row in ledger.rows),
            "cost": round(ledger.spent, 6),
        },
        "tokens_per_second": round(sum(row["completion_tokens"] for row in ledger.rows[known:]) / seconds, 1),
        "teacher": {"base_url": recipe.teacher.base_url, "model": endpoint.model},
    }


def _nothing_written(asking: Asking, run: RunFolder) -> str:
    reasons = Counter(row["reason"] for row in asking.failures)
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()) or "every reply was empty of pairs"
    return (
        f"no pair came of {asking.asked} requests ({told}): take a larger teacher.model or more teacher.max_tokens; "
        f"the replies are in {run.staging / 'failures.jsonl'}"
    )


async def _written(writing: Writing) -> list[Pair]:
    """All pairs, numbered, in the order of the chunks: the order of replies is another one each time."""
    planned = writing.plan
    parts: list[Awaitable[list[Pair]]] = [writing.evolved(chunk, at) for at, chunk in enumerate(planned.chunks)]
    parts += [writing.joined(chunk) for chunk in planned.chunks if chunk.id in planned.joined]
    parts += [writing.left_out(chunk) for chunk in planned.chunks if chunk.id in planned.left_out]
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(
        *columns, TextColumn("[dim]{task.fields[told]}"), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("generate", total=len(parts), told="")

        async def watched(part: Awaitable[list[Pair]]) -> list[Pair]:
            found = await part
            asking = writing.asking
            told = f"{asking.asked} requests, {asking.cached} cached, {asking.failed} failed, cost {asking.spent:.2f}"
            bar.update(task, advance=1, told=told)
            return found

        found = await asyncio.gather(*(watched(part) for part in parts))
    every = [pair for part in found for pair in part]
    return [dataclasses.replace(pair, row=row) for row, pair in enumerate(every, start=1)]


def _write(run: RunFolder, planned: Plan, pairs: Sequence[Pair], failures: Sequence[Mapping[str, Any]]) -> None:
    _write_rows(run.staging / "pairs.jsonl", (pair.as_row() for pair in pairs))
    _write_rows(run.staging / "failures.jsonl", failures)
    write_json(run.staging / "split.json", planned.split)
    ledger = run.path / _LEDGER
    if ledger.exists():  # the one beside the result goes on being written after a kill
        shutil.copyfile(ledger, run.staging / _LEDGER)
    else:  # every reply came from a cache
        (run.staging / _LEDGER).touch()


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _kept(run: RunFolder, pairs: Sequence[Pair]) -> str:
    place = f"{len(pairs)} pairs so far are in {run.staging}"
    return f"{place}, and what was paid for is kept: the same command goes on from there"


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
