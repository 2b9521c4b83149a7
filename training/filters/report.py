"""What the filters did, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from training.filters.funnel import Funnel, FunnelStep

_EXAMPLES = 5


def write_funnel(funnel: Funnel, folder: Path) -> None:
    """`funnel.json`: counts and examples. `funnel.md`: the same to read. `funnel.png`: a bar per filter.

    `dropped.jsonl`: row, filter and reason of every dropped pair.
    """
    counts = {
        "read": _read(funnel),
        "trimmed": len(funnel.trimmed),
        "kept": len(funnel.kept),
        "filters": [_counts(step) for step in funnel.steps],
    }
    (folder / "funnel.json").write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "funnel.md").write_text(_table(funnel), encoding="utf-8")
    with (folder / "dropped.jsonl").open("w", encoding="utf-8") as file:
        for step in funnel.steps:
            for one in step.dropped:
                row = {"row": one.pair.row, "filter": step.name, "reason": one.reason}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    _draw(funnel, folder / "funnel.png")


def _read(funnel: Funnel) -> int:
    return funnel.steps[0].before if funnel.steps else len(funnel.kept)


def _counts(step: FunnelStep) -> dict[str, Any]:
    return {
        "name": step.name,
        "before": step.before,
        "dropped": len(step.dropped),
        "kept": step.kept,
        "examples": [
            {"row": one.pair.row, "question": one.pair.question, "reason": one.reason}
            for one in step.dropped[:_EXAMPLES]
        ],
    }


def _table(funnel: Funnel) -> str:
    read = _read(funnel)
    share = len(funnel.kept) / read if read else 0.0
    trimmed = {pair.row for pair in funnel.kept} & set(funnel.trimmed)
    lines = [
        "# Filters",
        "",
        f"{read} pairs read, {len(funnel.kept)} kept ({share:.1%}), {len(trimmed)} of them with a trimmed answer.",
        "",
        "| filter | before | dropped | kept | of those read |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for step in funnel.steps:
        kept = step.kept / read if read else 0.0
        lines.append(f"| {step.name} | {step.before} | {len(step.dropped)} | {step.kept} | {kept:.1%} |")
    kinds = Counter(pair.kind for pair in funnel.kept)
    lines += ["", "Kept by kind: " + (", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())) or "none")]
    for step in funnel.steps:
        if step.dropped:
            lines += ["", f"## Dropped by {step.name}", ""]
            lines += [f"- row {one.pair.row}: {' '.join(one.reason.split())}" for one in step.dropped[:_EXAMPLES]]
    return "\n".join(lines) + "\n"


def _draw(funnel: Funnel, picture: Path) -> None:
    """A bar for what was read and one for what each filter left, with the count at its end."""
    names = ["read", *(step.name for step in funnel.steps)]
    kept = [_read(funnel), *(step.kept for step in funnel.steps)]
    figure = Figure(figsize=(7, 0.8 + 0.34 * len(names)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, kept, color="#3b6ea5")
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel="pairs left", title="What each filter leaves")
    figure.savefig(picture, dpi=120)
