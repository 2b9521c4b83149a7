"""Curves of a run, from its metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Rows in the order of steps. Of a step that a resumed run made again, the later row counts."""
    if not path.is_file():
        return []
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the line that a kill cut off
            continue
        kind = next((key for key in ("eval_loss", "loss") if key in row), "")
        rows[row["step"], kind] = row
    return [rows[key] for key in sorted(rows)]


def draw_loss(metrics: Path, picture: Path, title: str) -> None:
    """Training and held-out loss by step, as PNG."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    _draw(figure.subplots(), read_metrics(metrics), ("loss", "eval_loss"), "loss a token (nats)")
    figure.suptitle(title)
    figure.savefig(picture, dpi=120)


def draw_preference(metrics: Path, picture: Path, title: str) -> None:
    """DPO's loss, reward margin and reward accuracy by step, on training and held-out pairs, as PNG."""
    rows = read_metrics(metrics)
    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = (("loss", "DPO loss"), ("rewards/margins", "reward margin"), ("rewards/accuracies", "reward accuracy"))
    for axes, (key, label) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        _draw(axes, rows, (key, f"eval_{key}"), label)
    figure.suptitle(title)
    figure.savefig(picture, dpi=120)


def draw_sweep(points: Mapping[float, float], parents: Mapping[str, float], picture: Path, title: str) -> None:
    """Perplexity of a merge by t, with its parents' as level lines, as PNG."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    ordered = sorted(points)
    axes.plot(ordered, [points[t] for t in ordered], marker="o", label="merge")
    for number, (name, perplexity) in enumerate(parents.items()):
        axes.axhline(perplexity, linestyle="--", color=f"C{number + 1}", label=f"{name} ({perplexity:.3g})")
    axes.set(xlabel="t (0: the base, 1: the other model)", ylabel="perplexity", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)


def _draw(axes: Axes, rows: Sequence[Mapping[str, Any]], keys: tuple[str, str], label: str) -> None:
    """keys: of the training's rows, and of the held-out ones."""
    for key, name, mark in zip(keys, ("training", "held out"), ("", "o"), strict=True):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, label=f"{name} ({values[-1]:.3f})", marker=mark, linewidth=1.2)
    axes.set(xlabel="step", ylabel=label)
    axes.grid(alpha=0.3)
    axes.legend()
