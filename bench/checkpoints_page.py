"""Tables and pictures of docs/benchmarks.md, of what `bench.checkpoints` measured; the words between are a person's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.errors import SourceError
from training.evaluation import plots
from training.evaluation.results import ArmEntry, Difference

Row = Sequence[object]
_MARKS = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_PAGE = "benchmarks.md"
_PICTURED = {"items-cloze", "sample-cloze"}


def write_page(results: Path, docs: Path) -> None:
    """Fill every pair of marks in docs/benchmarks.md whose results are there; draw docs/images/benchmark-*.png of
    the multiple choice among them.

    Raises SourceError where the page names figures that are not known, or that were not measured.
    """
    page = docs / _PAGE

    def filled(match: re.Match[str]) -> str:
        name = match[2]
        if name not in _TABLES:
            raise SourceError(f"{page}: there are no figures {name}; known are {', '.join(_TABLES)}")
        return f"{match[1]}\n{_TABLES[name](_read(results, name))}\n\n{match[3]}"

    text = page.read_text(encoding="utf-8")
    page.write_text(_MARKS.sub(filled, text), encoding="utf-8")
    for name in sorted({match[2] for match in _MARKS.finditer(text)} & _PICTURED):
        found = _read(results, name)
        arms = {key: ArmEntry.model_validate(value) for key, value in found["arms"].items()}
        plots.accuracies(arms).savefig(docs / "images" / f"benchmark-{name}.png", dpi=110)
        pairs = [Difference.model_validate(one) for one in found["differences"]]
        shown = [one for one in pairs if _told(one.first, one.second)]
        plots.differences(shown).savefig(docs / "images" / f"benchmark-{name}-differences.png", dpi=110)


def _read(results: Path, name: str) -> dict[str, Any]:
    file = results / name / "results.json"
    if not file.is_file():
        raise SourceError(f"{file} is not there: run python -m bench.checkpoints --only {name}")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _told(first: str, second: str) -> bool:
    """Of all pairs of arms those that a reader asks for: the same arm of two models, or two arms of one model."""
    ours, theirs = first.split("."), second.split(".")
    return len(ours) == len(theirs) == 2 and (ours[0] == theirs[0] or ours[1] == theirs[1])


def _table(header: Row, rows: Sequence[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _chance(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def _accuracies(found: Mapping[str, Any]) -> str:
    rows = [
        [f"`{name}`", _share(one["accuracy"]), f"{one['interval']['low']:.3f} to {one['interval']['high']:.3f}"]
        for name, one in found["arms"].items()
    ]
    arms = _table(["Arm", "Accuracy", "95 % interval"], rows)
    pairs = [
        [
            f"`{one['second']}` less `{one['first']}`",
            f"{one['difference']:+.3f}",
            f"{one['interval']['low']:+.3f} to {one['interval']['high']:+.3f}",
            _chance(one["p"]),
            _chance(one["p_holm"]),
        ]
        for one in found["differences"]
        if _told(one["first"], one["second"])
    ]
    if not pairs:
        return arms
    return f"{arms}\n\n{_table(['Difference', 'Mean', '95 % interval', 'p (McNemar)', 'p (Holm)'], pairs)}"


def _retrieval(found: Mapping[str, Any]) -> str:
    keys = ("hit@1", "hit@3", "hit@5", "mrr", "ndcg@10")
    rows = [
        [chunking, stage, *(_share(figures[key]) for key in keys)]
        for chunking, one in found["chunkings"].items()
        for stage, figures in one["stages"].items()
    ]
    return _table(["Chunks", "Stage", "hit@1", "hit@3", "hit@5", "MRR", "nDCG@10"], rows)


def _answers(found: Mapping[str, Any]) -> str:
    by_model = found["results"]
    rows = [["right, of all questions", *(_share(one["correct"]) for one in by_model.values())]]
    for group in ("grounding", "abstention", "latency_ms"):
        for name in next(iter(by_model.values()))[group]:
            values = [one[group][name] for one in by_model.values()]
            shown = [_share(value) if isinstance(value, float) and group != "latency_ms" else value for value in values]
            rows.append([name.replace("_", " "), *shown])
    return _table(["", *by_model], rows)


def _forgetting(found: Mapping[str, Any]) -> str:
    tasks = list(next(iter(found["results"].values()))["tasks"])
    rows = [
        [name, *(_share(one["tasks"][task]["mean"]) for task in tasks), f"{one['perplexity']:.2f}"]
        for name, one in found["results"].items()
    ]
    return _table(["Model", *tasks, "Perplexity of a general text"], rows)


def _held_out(found: Mapping[str, Any]) -> str:
    by_rows = found["results"]
    rows = [[f"`{name}`", *(_share(one["loss"][name]) for one in by_rows.values())] for name in found["models"]]
    return _table(["Model", *(f"{name} ({one['tokens']} tokens)" for name, one in by_rows.items())], rows)


_TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "held-out": _held_out,
    "retrieval": _retrieval,
    "retrieval-handbook": _retrieval,
    "forgetting": _forgetting,
    "sample-cloze": _accuracies,
    "sample-letter": _accuracies,
    "items-cloze": _accuracies,
    "items-context": _accuracies,
    "answers": _answers,
}
