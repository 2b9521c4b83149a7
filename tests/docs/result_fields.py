"""The fields of results.json as docs/reference/evaluation.md lists them."""

from __future__ import annotations

from pydantic import BaseModel

from training.evaluation.results import (
    ArmEntry,
    Difference,
    Interval,
    Misses,
    Results,
    Rounds,
    RoundsTest,
    StudyProtocol,
)

PARTS: dict[str, type[BaseModel]] = {
    "results.json": Results,
    "arms.NAME": ArmEntry,
    "interval": Interval,
    "arms.NAME.misses": Misses,
    "differences[]": Difference,
    "study": StudyProtocol,
    "study.arms.NAME": Rounds,
    "study.tests[]": RoundsTest,
}
HEAD = """---
title: Results of docent-train evaluate
description: The files that an evaluation writes, and every field of results.json.
---
# Results of docent-train evaluate

[Measure a model](../how-to/measure-a-model.md) shows the commands. Each writes `results.json` and `report.html`, a page
without scripts, into its `--out` folder; `mcq` and `answers` also write `items.jsonl`, a line an item or answer.

## Files of items and questions

`evaluate mcq` reads a CSV file with the columns `question`, `a`, `b`, `c`, `d` and `correct`, which is a, b, c or d.
`source` (a path relative to the docs) and `heading` may follow: the arm `gold` and the clusters need them. Labels such
as `A. ` at the beginning of all four options are taken off.

`evaluate retrieval` and `evaluate answers` read JSONL or CSV with `question`; `files` (or `source`, with `;` between
several), `kind` (`answerable`, `unanswerable` or `off_topic`), `reference` and `id` may follow.

## Policies of the gate

`evaluate compare A B --gate policy.yaml` reads a list of `rules`. Each names a `metric`, the dotted path of a number in
results.json, and at least one demand:

| Demand | Holds where the second folder's number |
|---|---|
| `at_least` | is not smaller. |
| `at_most` | is not greater. |
| `drop_at_most` | is not smaller than the first folder's by more. |
| `rise_at_most` | is not greater than the first folder's by more. |

A number that is missing fails. The exit code is 3 where a rule fails, and `gate.json` in the second folder has the
verdict.

## Fields of the multiple-choice benchmark
"""


def table(model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {field.description or ''} |" for name, field in model.model_fields.items()]
    return "\n".join(["| Field | Meaning |", "|---|---|", *rows])


def reference() -> str:
    parts = [f"### {name}\n\n{model.__doc__}\n\n{table(model)}\n" for name, model in PARTS.items()]
    return "\n".join([HEAD, *parts])
