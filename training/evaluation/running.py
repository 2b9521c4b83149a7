"""One run of `evaluate mcq`, from files to `results.json`, a line of JSON an item, and a report."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from app.answering.prompt import PROMPT_VERSION
from app.config import Settings
from app.llm.client import ChatClient
from training.corpus import open_corpus
from training.errors import SourceError
from training.evaluation.contexts import ARMS, Arm, Contexts
from training.evaluation.items import Item, read_items
from training.evaluation.mcq import ArmResult, Benchmark, ScoreCache
from training.evaluation.progress import progress_bar
from training.evaluation.report import write_report
from training.evaluation.results import Results
from training.evaluation.scoring import Scoring
from training.evaluation.served import ServedModel, serve
from training.evaluation.study_protocol import STUDY_ARMS, Rounded, Sampled, tabulate
from training.evaluation.tabulating import Tables
from training.evaluation.trivial import trivial_arms
from training.fingerprint import data_hash, hash_of
from training.manifest import library_versions, write_json

Protocol = Literal["likelihood", "study"]
RESULTS, PER_ITEM, REPORT = "results.json", "items.jsonl", "report.html"


@dataclass(frozen=True, slots=True)
class McqRun:
    """What `evaluate mcq` was asked for. docs: needed by every arm but closed. rounds: of the study's protocol."""

    items: Path
    docs: Path | None
    models: Sequence[ServedModel]
    out: Path
    arms: Sequence[Arm] = ARMS
    scoring: Scoring = "letter"
    protocol: Protocol = "likelihood"
    rounds: int = 20
    seed: int = 42
    vllm: Path = Path(".venv-vllm/bin/python")

    def check(self) -> None:
        """Raises SourceError for what cannot be run."""
        if self.needs_docs and self.docs is None:
            shown = ", ".join(arm for arm in self.arms if arm != "closed")
            raise SourceError(f"--docs is missing: {shown} show passages of them; `--arms closed` does without")
        if self.models and importlib.util.find_spec("scipy") is None:
            raise SourceError("models are measured in the environment of training: `make install-train` makes it")
        if self.docs is not None and not self.docs.exists():
            raise SourceError(f"there is no folder {self.docs}: set --docs to the documentation")
        if self.protocol == "study" and self.scoring != "letter":
            raise SourceError("--protocol study samples letters: leave --scoring cloze out")
        if self.protocol == "study" and not set(self.arms) & set(STUDY_ARMS):
            raise SourceError(f"--protocol study has the arms {', '.join(STUDY_ARMS)}")

    @property
    def needs_docs(self) -> bool:
        return bool(self.models) and any(arm != "closed" for arm in self.arms)


@dataclass(slots=True)
class _Measured:
    arms: list[ArmResult] = field(default_factory=list)
    sampled: list[Sampled] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    embedding: str | None = None


def run_mcq(asked: McqRun) -> Results:
    """Writes into `asked.out`; scores that are there from an earlier run are taken over. Raises DocentError."""
    asked.check()
    items = read_items(asked.items)
    asked.out.mkdir(parents=True, exist_ok=True)
    measured = asyncio.run(_measured(asked, items))
    results = _results(asked, items, measured)
    _write(asked, items, measured, results)
    return results


async def _measured(asked: McqRun, items: Sequence[Item]) -> _Measured:
    found = _Measured(identities={model.name: model.identity for model in asked.models})
    cache = ScoreCache(asked.out / "scores.jsonl")
    async with _contexts(asked, items) as (contexts, found.embedding):
        for model in asked.models:
            async with serve(model, asked.out / "engine", asked.vllm) as client:
                await _measure(asked, items, model.name, client, contexts, cache, found)
    return found


@asynccontextmanager
async def _contexts(asked: McqRun, items: Sequence[Item]) -> AsyncIterator[tuple[Contexts | None, str | None]]:
    """None where no passages are shown; else with the name of the embedding model."""
    if not asked.needs_docs or asked.docs is None:
        yield None, None
        return
    async with open_corpus(asked.docs, asked.out / "corpus") as corpus:
        contexts = Contexts(corpus, Settings().answering, asked.seed)
        await contexts.retrieve(items)
        yield contexts, corpus.library.searcher.embedder.name


async def _measure(
    asked: McqRun,
    items: Sequence[Item],
    name: str,
    client: ChatClient,
    contexts: Contexts | None,
    cache: ScoreCache,
    found: _Measured,
) -> None:
    for arm in asked.arms:
        if asked.protocol == "likelihood":
            with progress_bar(f"{name} {arm}", len(items)) as advance:
                bench = Benchmark(items, contexts, asked.scoring, cache, advance)
                found.arms.append(await bench.run(name, found.identities[name], client, arm))
        elif arm in STUDY_ARMS:
            with progress_bar(f"{name} {arm}", asked.rounds * len(items)) as advance:
                rounded = Rounded(items, contexts, cache, advance)
                found.sampled.append(await rounded.run(name, found.identities[name], client, arm, asked.rounds))


def _results(asked: McqRun, items: Sequence[Item], measured: _Measured) -> Results:
    tables = Tables(items, trivial_arms(items, asked.seed), measured.arms)
    detectable, source = tables.detectable()
    answering, retrieval = Settings().answering, Settings().retrieval
    return Results(
        scoring=asked.scoring,
        seed=asked.seed,
        items=len(items),
        items_hash=hash_of(asked.items),
        docs_hash=data_hash(asked.docs) if asked.docs is not None else None,
        prompt_version=PROMPT_VERSION,
        embedding_model=measured.embedding,
        retrieval={
            "context_tokens": answering.context_tokens,
            "max_passages": answering.max_passages,
            "reranker_model": retrieval.reranker_model or "",
        },
        clusters=tables.clusters,
        clustered_by=tables.clustered_by,
        detectable_difference=round(detectable, 4),
        detectable_from=source,
        models=measured.identities,
        arms=tables.entries(),
        differences=tables.differences(),
        study=tabulate(measured.sampled, len(items)) if measured.sampled else None,
        notes=_notes(items, measured, detectable),
        versions=library_versions(),
    )


def _notes(items: Sequence[Item], measured: _Measured, detectable: float) -> list[str]:
    notes = [
        f"{len(items)} items show a difference of {detectable:.0%} in four of five runs, and smaller ones less often."
    ]
    if not all(item.source for item in items):
        notes.append(
            "Not every item names its source page, so items are resampled one by one: intervals may be too narrow."
        )
    unread = sum(not item.reviewed for item in items)
    if unread:
        notes.append(
            f"{unread} items were written by a model and reviewed by nobody: see `docent-train evaluate review`."
        )
    left_out = {arm.name: len(arm.left_out) for arm in measured.arms if arm.left_out}
    if left_out:
        told = ", ".join(f"{name} {count}" for name, count in left_out.items())
        notes.append(f"Items that could not be asked: {told}. Differences are over the items that both arms have.")
    chosen = [arm.name for arm in measured.arms if arm.outcomes and arm.outcomes[0].method == "choice"]
    if chosen:
        notes.append(f"No likelihoods: {', '.join(chosen)} were asked for a constrained choice, which pools by votes.")
    return notes


def _write(asked: McqRun, items: Sequence[Item], measured: _Measured, results: Results) -> None:
    numbered = {item.number: item for item in items}
    with (asked.out / PER_ITEM).open("w", encoding="utf-8") as file:
        for arm in measured.arms:
            for one in arm.outcomes:
                item = numbered[one.item]
                row = {"arm": arm.name, "question": item.question, "source": item.source, "right": one.right}
                row |= {"pooled": one.pooled, "probabilities": [round(value, 5) for value in one.probabilities]}
                row |= {"miss": _miss(one.right, one.holds_source)}
                file.write(json.dumps(asdict(one) | row, ensure_ascii=False) + "\n")
    write_report(asked.out / REPORT, items, measured.arms, results)
    write_json(asked.out / RESULTS, results.model_dump(mode="json"))


def _miss(right: float, holds_source: bool | None) -> str:
    """Whose miss it is where it is one in any order; '' where it is none or nobody knows."""
    if right == 1 or holds_source is None:
        return ""
    return "model" if holds_source else "retrieval"
