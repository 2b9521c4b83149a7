"""The loss curve of a run, from its metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Rows in the order of steps. Of a step that a resumed run made again, the later row counts."""
    if not path.is_file():
        return []
    rows: dict[tuple[int, bool], dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the line that a kill cut off
            continue
        rows[row["step"], "eval_loss" in row] = row
    return [rows[key] for key in sorted(rows)]


def draw_loss(metrics: Path, picture: Path, title: str) -> None:
    """Training and held-out loss by step, as PNG."""
    rows = read_metrics(metrics)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for key, label, mark in (("loss", "training", ""), ("eval_loss", "held out", "o")):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            steps, losses = zip(*points, strict=True)
            axes.plot(steps, losses, label=f"{label} ({losses[-1]:.3f})", marker=mark, linewidth=1.2)
    axes.set(xlabel="step", ylabel="loss a token (nats)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)
