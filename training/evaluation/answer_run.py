"""One run of `evaluate answers`, from files to `results.json`, a line of JSON an answer, and a report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.answering.prompt import PROMPT_VERSION
from app.config import Settings
from training.corpus import open_corpus
from training.errors import SourceError
from training.evaluation import plots
from training.evaluation.answer_figures import figures
from training.evaluation.answers import Answered, Asking, as_row, with_verdicts
from training.evaluation.judging import agreement, judge_answers, read_hand_labels
from training.evaluation.mcq import ScoreCache
from training.evaluation.page import Section, write_page
from training.evaluation.progress import progress_bar
from training.evaluation.questions import Question, read_questions
from training.evaluation.served import ServedModel, serve
from training.fingerprint import data_hash, hash_of
from training.manifest import library_versions, write_json


@dataclass(frozen=True, slots=True)
class AnswerRun:
    """judge: a model that reads the answers; labels: a file of hand verdicts to hold it against."""

    questions: Path
    docs: Path
    models: Sequence[ServedModel]
    out: Path
    judge: ServedModel | None = None
    labels: Path | None = None
    vllm: Path = Path(".venv-vllm/bin/python")

    def check(self) -> None:
        """Raises SourceError for what cannot be run."""
        if not self.models:
            raise SourceError("--models none: answers are a model's; name at least one, as in base=packaged")
        if not self.docs.exists():
            raise SourceError(f"there is no folder {self.docs}: set --docs to the documentation")
        if self.labels is not None and self.judge is None:
            raise SourceError("--labels are what a judge is held against: name one with --judge")


@dataclass(slots=True)
class _Found:
    answered: dict[str, list[Answered]] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, dict[str, bool]] = field(default_factory=dict)


def run_answers(asked: AnswerRun) -> dict[str, Any]:
    """Answers of an earlier run into the same folder are taken over. Raises DocentError."""
    asked.check()
    questions = read_questions(asked.questions)
    labels = read_hand_labels(asked.labels) if asked.labels else {}
    asked.out.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(_found(asked, questions))
    results = _results(asked, questions, found, labels)
    _write(asked.out, found, results)
    return results


async def _found(asked: AnswerRun, questions: Sequence[Question]) -> _Found:
    found = _Found(identities={one.name: one.identity for one in asked.models})
    cache = ScoreCache(asked.out / "answers-cache.jsonl")
    async with open_corpus(asked.docs, asked.out / "corpus") as corpus:
        docs_hash = data_hash(asked.docs)
        for model in asked.models:
            async with serve(model, asked.out / "engine", asked.vllm) as client:
                with progress_bar(f"{model.name}: answers", len(questions)) as advance:
                    asking = Asking(corpus, docs_hash, questions, cache, advance)
                    found.answered[model.name] = await asking.run(found.identities[model.name], client)
    if asked.judge is not None:
        async with serve(asked.judge, asked.out / "engine", asked.vllm) as client:
            for name, answered in found.answered.items():
                with progress_bar(f"{asked.judge.name} judges {name}", len(answered)) as advance:
                    identity = asked.judge.identity
                    verdicts = await judge_answers(client, identity, questions, answered, cache, advance)
                found.verdicts[name] = verdicts
                found.answered[name] = with_verdicts(answered, verdicts)
    return found


def _results(
    asked: AnswerRun, questions: Sequence[Question], found: _Found, labels: Mapping[tuple[str, str], bool]
) -> dict[str, Any]:
    return {
        "kind": "answers",
        "version": 1,
        "questions": len(questions),
        "questions_hash": hash_of(asked.questions),
        "docs_hash": data_hash(asked.docs),
        "prompt_version": PROMPT_VERSION,
        "thresholds": {
            name: value
            for name, value in Settings().answering.model_dump().items()
            if name.endswith("_threshold") or name in {"temperature", "max_tokens", "context_tokens", "max_passages"}
        },
        "models": found.identities,
        "results": {name: figures(answered) for name, answered in found.answered.items()},
        "judge": None
        if asked.judge is None
        else {
            "model": asked.judge.identity,
            "judged": {name: len(verdicts) for name, verdicts in found.verdicts.items()},
            "agreement": {name: agreement(one, labels, name) for name, one in found.verdicts.items()} if labels else {},
        },
        "versions": library_versions(),
    }


def _write(out: Path, found: _Found, results: Mapping[str, Any]) -> None:
    with (out / "items.jsonl").open("w", encoding="utf-8") as file:
        for name, answered in found.answered.items():
            for one in answered:
                file.write(json.dumps(as_row(name, one), ensure_ascii=False) + "\n")
    by_model: Mapping[str, Mapping[str, Any]] = results["results"]
    sections = [
        _table("Grounding", "Sentences of the model, and the citations of what was shown.", "grounding", by_model),
        _table("Abstention", "Shares of questions refused; AUROC of the confidence.", "abstention", by_model),
        _table("Latency", "Milliseconds, one question after the other.", "latency_ms", by_model),
        Section(
            "Error against coverage",
            "With answers only from a confidence on: how many questions get one, and how many of these are wrong.",
            picture=plots.as_data_url(
                plots.risk_coverage({name: one["risk_coverage"] for name, one in by_model.items()})
            ),
        ),
        Section(
            "Reliability",
            "Confidence against the share that is right; on the line they agree.",
            picture=plots.as_data_url(
                plots.reliability({name: one["reliability"]["bins"] for name, one in by_model.items()})
            ),
        ),
    ]
    said = [f"{results['questions']} labelled questions, answered by the service itself with its own thresholds."]
    write_page(out / "report.html", "Answers", said, sections)
    write_json(out / "results.json", results)


def _table(title: str, told: str, key: str, by_model: Mapping[str, Mapping[str, Any]]) -> Section:
    names = list(next(iter(by_model.values()))[key])
    rows = [[name.replace("_", " "), *(one[key][name] for one in by_model.values())] for name in names]
    return Section(title, told, ["", *by_model], rows)
