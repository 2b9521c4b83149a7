"""`evaluate forgetting`: what fine-tuning cost in general ability, by lm-evaluation-harness and a general text.

Two tasks ship with the package, for machines without a hub: questions of general knowledge, and pairs of a right and a
wrong sentence (as BLiMP has them, 1912.00582), both scored by likelihood. Where there is a hub, `full` names the tasks
that papers report.
"""

from __future__ import annotations

import math
import pydoc_data.topics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import SourceError
from training.evaluation.page import Section, write_page
from training.evaluation.statistics import Interval, cluster_bootstrap, holm, mcnemar
from training.manifest import library_versions, write_json
from training.schema.base import ModelSource

FULL = ("mmlu", "arc_challenge", "hellaswag", "winogrande", "truthfulqa_mc2", "gsm8k", "ifeval")
_TASKS = Path(__file__).parent / "tasks"
_TEXT_CHARACTERS = 30_000  # of Python's own help texts, which every interpreter has; about 7,500 tokens
_PIECE = 512  # tokens that are read at once
_WORSE = 0.05


def _local(name: str, question: str, delimiter: str) -> dict[str, Any]:
    return {
        "task": f"docent_{name}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(_TASKS / f"{name}.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": question,
        "doc_to_choice": "choices",
        "doc_to_target": "label",
        "target_delimiter": delimiter,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }


def local_tasks() -> list[dict[str, Any]]:
    """As lm-evaluation-harness takes a task that is no file of its own."""
    return [_local("knowledge", "Question: {{question}}\nAnswer:", " "), _local("grammar", "", "")]


@dataclass(frozen=True, slots=True)
class Ability:
    """right: by task and example. perplexity: of the general text."""

    right: dict[str, list[bool]]
    perplexity: float


def evaluate_forgetting(
    models: Sequence[tuple[str, str]], out: Path, tasks: Sequence[str | dict[str, Any]], limit: int | None
) -> dict[str, Any]:
    """models: names and places, the first being the one that others are compared with. Writes `results.json`.

    A place is what a recipe's model is: a folder, an adapter's folder, a GGUF file, `packaged`, or a hub name. Raises
    SourceError where a model or task cannot be had.
    """
    found = {name: _ability(ModelSource(name=place, dtype="float32"), tasks, limit) for name, place in models}
    first = models[0][0]
    results: dict[str, Any] = {
        "kind": "forgetting",
        "version": 1,
        "baseline": first,
        "models": dict(models),
        "results": {name: _figures(ability) for name, ability in found.items()},
        "changes": _changes(found, first),
        "text": f"{_TEXT_CHARACTERS} characters of pydoc_data.topics",
        "versions": library_versions(),
    }
    out.mkdir(parents=True, exist_ok=True)
    _write_report(out, results)
    write_json(out / "results.json", results)
    return results


def _ability(source: ModelSource, tasks: Sequence[str | dict[str, Any]], limit: int | None) -> Ability:
    import lm_eval  # noqa: PLC0415  (seconds of imports)
    import torch  # noqa: PLC0415
    from lm_eval.models.huggingface import HFLM  # noqa: PLC0415

    from training.loading import load_model, load_tokenizer  # noqa: PLC0415
    from training.perplexity import TokenRow, loss_on  # noqa: PLC0415

    model, tokenizer = load_model(source).eval(), load_tokenizer(source)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    held = HFLM(pretrained=model.to(device), tokenizer=tokenizer, device=device, batch_size=8)
    try:
        scored = lm_eval.simple_evaluate(model=held, tasks=list(tasks), limit=limit, bootstrap_iters=0)
    except (KeyError, ValueError, OSError) as error:
        raise SourceError(f"a task cannot be had: {error}; without a hub leave --tasks at `local`") from error
    samples = scored["samples"] if scored else {}
    right = {name: [_is_right(one) for one in each] for name, each in samples.items()}
    ids = tokenizer(_general_text(), add_special_tokens=False)["input_ids"]
    pieces = [TokenRow(ids[at : at + _PIECE], [1] * len(ids[at : at + _PIECE])) for at in range(0, len(ids), _PIECE)]
    return Ability(right, math.exp(loss_on(model, pieces, "general text").all_tokens))


def _is_right(sample: dict[str, Any]) -> bool:
    """Of the first metric that the task has."""
    metric = next(name for name in ("acc", "exact_match", "prompt_level_strict_acc") if name in sample)
    return bool(sample[metric])


def _general_text() -> str:
    topics = pydoc_data.topics.topics
    return "\n\n".join(topics[name] for name in sorted(topics))[:_TEXT_CHARACTERS]


def _figures(ability: Ability) -> dict[str, Any]:
    tasks = {
        name: _told(cluster_bootstrap(list(map(float, right)), _ids(right))) for name, right in ability.right.items()
    }
    return {"tasks": tasks, "perplexity": round(ability.perplexity, 4)}


def _ids(right: Sequence[bool]) -> list[str]:
    return [str(place) for place in range(len(right))]


def _told(interval: Interval) -> dict[str, float]:
    return {name: value for name, value in interval.as_dict().items() if name != "standard_error"}


def _changes(found: dict[str, Ability], first: str) -> list[dict[str, Any]]:
    """Of every other model against the first: accuracy by task, with an exact paired test, and perplexity."""
    rows: list[dict[str, Any]] = []
    for name, ability in found.items():
        if name == first:
            continue
        for task, right in ability.right.items():
            before = found[first].right[task]
            lost, won, p = mcnemar(before, right)
            interval = cluster_bootstrap([float(b) - float(a) for a, b in zip(before, right, strict=True)], _ids(right))
            rows.append({"model": name, "task": task, **_told(interval), "lost": lost, "won": won, "p": p})
    adjusted = holm({f"{row['model']} {row['task']}": row["p"] for row in rows})
    for row in rows:
        row["p_holm"] = adjusted[f"{row['model']} {row['task']}"]
        row["forgets"] = row["high"] < 0 and row["p_holm"] < _WORSE
    return rows


def _write_report(out: Path, results: dict[str, Any]) -> None:
    by_model = results["results"]
    tasks = list(next(iter(by_model.values()))["tasks"])
    rows = [
        [
            name,
            *(
                f"{one['tasks'][task]['mean']} ({one['tasks'][task]['low']} to {one['tasks'][task]['high']})"
                for task in tasks
            ),
            one["perplexity"],
        ]
        for name, one in by_model.items()
    ]
    changes = [
        [
            row["model"],
            row["task"],
            row["mean"],
            f"{row['low']} to {row['high']}",
            row["lost"],
            row["won"],
            f"{row['p_holm']:.3g}",
        ]
        for row in results["changes"]
    ]
    told = "Accuracy with its 95 % interval; perplexity of a general text, where lower is better."
    sections = [Section("Ability", told, ["model", *tasks, "perplexity"], rows)]
    if changes:
        head = ["model", "task", "change", "95 % interval", "lost", "won", "p (Holm)"]
        told = f"Against {results['baseline']}: examples lost and won, and the exact McNemar test of them."
        sections.append(Section("Changes", told, head, changes))
    write_page(out / "report.html", "Forgetting", ["General ability before and after fine-tuning."], sections)
