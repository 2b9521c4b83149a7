"""Pictures of a report, as PNG. Colours are told apart by people who see no red or green."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from training.evaluation.mcq import ArmResult
from training.evaluation.results import ArmEntry, Difference, Rounds

_MODEL, _TRIVIAL, _SURE = "#1f5a94", "#9aa5b1", "#c05a00"
_ROW = 0.32  # inches
_MOST_COLUMNS = 24
_STYLES = ("o-", "s--", "^-.", "D:", "v-", "P--")


def as_data_url(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def accuracies(arms: Mapping[str, ArmEntry]) -> Figure:
    """Accuracy with its 95 % interval, an arm a row; arms that read nothing in grey."""
    names = list(arms)
    figure = Figure(figsize=(8, 1.2 + _ROW * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(names):
        entry = arms[name]
        colour = _TRIVIAL if entry.method is None else _MODEL
        axes.plot([entry.interval.low, entry.interval.high], [row, row], color=colour, linewidth=2)
        axes.plot(entry.accuracy, row, "o", color=colour)
        axes.annotate(
            f"{entry.accuracy:.3f}", (entry.interval.high, row), (6, 0), textcoords="offset points", va="center"
        )
    axes.axvline(0.25, color="#666666", linewidth=0.8, linestyle="--")
    axes.set(
        xlim=(0, 1.08), xlabel="accuracy, 95 % interval; dashed: guessing", yticks=range(len(names)), yticklabels=names
    )
    axes.invert_yaxis()
    return figure


def differences(found: Sequence[Difference]) -> Figure:
    """Second less first with its interval; in orange where the interval leaves 0 out and Holm agrees."""
    figure = Figure(figsize=(8, 1.2 + _ROW * max(1, len(found))), layout="constrained")
    axes = figure.subplots()
    for row, one in enumerate(found):
        sure = one.p_holm < 0.05 and (one.interval.low > 0 or one.interval.high < 0)
        colour = _SURE if sure else _TRIVIAL
        axes.plot([one.interval.low, one.interval.high], [row, row], color=colour, linewidth=2)
        axes.plot(one.difference, row, "s" if sure else "o", color=colour)
    axes.axvline(0, color="#666666", linewidth=0.8)
    labels = [f"{one.second} less {one.first}" for one in found]
    axes.set(
        xlabel="difference of accuracies, 95 % interval; square and orange: p (Holm) < 0.05",
        yticks=range(len(found)),
        yticklabels=labels,
    )
    axes.invert_yaxis()
    return figure


def items_by_arm(arms: Sequence[ArmResult]) -> Figure:
    """A heat map: items in columns, the easiest first; arms in rows; dark where an item is right in every order."""
    shown = [arm for arm in arms if arm.outcomes]
    numbers = sorted({one.item for arm in shown for one in arm.outcomes})
    right = np.full((len(shown), len(numbers)), np.nan)
    place = {number: column for column, number in enumerate(numbers)}
    for row, arm in enumerate(shown):
        for one in arm.outcomes:
            right[row, place[one.item]] = one.right
    order = np.argsort(-np.nanmean(right, axis=0), kind="stable")
    figure = Figure(figsize=(9, 1.2 + _ROW * len(shown)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(right[:, order], aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    names = [arm.name for arm in shown]
    axes.set(xlabel="items, the easiest first", yticks=range(len(names)), yticklabels=names)
    if len(numbers) <= _MOST_COLUMNS:
        axes.set_xticks(range(len(numbers)), [str(numbers[column]) for column in order])
    figure.colorbar(image, ax=axes, label="share of orders right", shrink=0.9)
    return figure


def distributions(arms: Sequence[ArmResult]) -> Figure:
    """How probable the right option is, over items: a box an arm, whiskers at 5 % and 95 %."""
    shown = [arm for arm in arms if arm.outcomes]
    values = [[one.probabilities[one.correct] for one in arm.outcomes] for arm in shown]
    return _boxes([arm.name for arm in shown], values, "probability of the right option; dashed: guessing")


def rounds(found: Mapping[str, Rounds]) -> Figure:
    """Accuracy over rounds of the study's protocol."""
    return _boxes(list(found), [one.accuracies for one in found.values()], "accuracy of a round; dashed: guessing")


def _boxes(names: Sequence[str], values: Sequence[Sequence[float]], label: str) -> Figure:
    figure = Figure(figsize=(8, 1.2 + _ROW * 1.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(
        values, orientation="horizontal", tick_labels=list(names), whis=(5, 95), sym=".", medianprops={"color": _SURE}
    )
    axes.axvline(0.25, color="#666666", linewidth=0.8, linestyle="--")
    axes.set(xlim=(0, 1), xlabel=label)
    axes.invert_yaxis()
    return figure


def risk_coverage(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Error of the answers given against the share of questions that get one, a line a model."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, points), style in zip(curves.items(), itertools.cycle(_STYLES), strict=False):
        axes.plot([one["coverage"] for one in points], [one["error"] for one in points], style, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of questions answered", ylabel="share of these wrong")
    axes.legend()
    return figure


def reliability(bins: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Share of answers that are right against their confidence; marks grow with the number of answers."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#666666", linewidth=0.8, linestyle="--")
    for (name, held), style in zip(bins.items(), itertools.cycle(_STYLES), strict=False):
        said, right = [one["confidence"] for one in held], [one["right"] for one in held]
        axes.plot(said, right, style, label=name)
        axes.scatter(said, right, [8 * one["answers"] for one in held], alpha=0.4)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share that is right")
    axes.legend()
    return figure
