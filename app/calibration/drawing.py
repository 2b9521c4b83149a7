"""The curve as a picture. matplotlib is imported here alone, by who wants a picture: it takes about a second."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from app.calibration.calibration import Calibration
from app.errors import InvalidInput

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of caches that it builds or cannot keep

from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import PercentFormatter  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE, _CHOSEN, _QUIET = "#1f5fa8", "#b3261e", "#5f6368"
_FEW = 5  # replies: with fewer the curve jumps all over, and is left out of the picture's scale


def draw(calibration: Calibration, path: Path) -> None:
    """Write a PNG: precision with its interval against coverage, the choice and the present setting marked."""
    figure = Figure(figsize=(8, 5.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    _draw_curve(axes, calibration)
    _mark(axes, calibration)
    axes.set_xlabel("Coverage: questions replied to")
    axes.set_ylabel("Precision: replies that are right")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, 1)
    axes.set_ylim(_floor(calibration), 1.01)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    held = ", which nothing was chosen on" if calibration.wanted.holdout else ""
    axes.set_title(f"Replies at each threshold, on {calibration.measured_on} questions{held}", loc="left", fontsize=11)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise InvalidInput(f"--plot {path} cannot be written: {error}") from error


def _draw_curve(axes: Axes, calibration: Calibration) -> None:
    points, certainty = calibration.points, calibration.wanted.rule.certainty
    coverage = [point.coverage for point in points]
    lower, upper = [point.lower for point in points], [point.upper for point in points]
    between = f"Bounds of the precision, {certainty:.0%} certain each"
    axes.fill_between(coverage, lower, upper, color=_CURVE, alpha=0.15, linewidth=0, label=between)
    marker = "." if len(points) <= 100 else ""
    precision = [point.precision for point in points]
    axes.plot(coverage, precision, marker=marker, linestyle="-", color=_CURVE, label="Precision")
    wanted = calibration.wanted.precision
    axes.axhline(wanted, color=_QUIET, linestyle="--", linewidth=1, label=f"Wanted: {wanted * 100:.4g}%")


def _mark(axes: Axes, calibration: Calibration) -> None:
    now, chosen = calibration.now, calibration.chosen
    said = f"Now: threshold {now.threshold:.2f}, replies to {now.coverage:.0%}"
    axes.plot(now.coverage, now.precision, "o", ms=9, mfc="white", mec=_QUIET, mew=1.5, label=said)
    if chosen is not None:
        said = (
            f"Chosen: threshold {chosen.threshold:.4f}, replies to {chosen.coverage:.0%},\n"
            f"{chosen.right} of {chosen.replies} right, {chosen.lower:.0%} at least"
        )
        error = [[chosen.precision - chosen.lower], [chosen.upper - chosen.precision]]
        axes.errorbar(chosen.coverage, chosen.precision, error, fmt="o", color=_CHOSEN, ms=7, capsize=4, label=said)


def _floor(calibration: Calibration) -> float:
    """Where the axis of the precision begins: below everything that many replies stand behind."""
    shown = [point.lower for point in calibration.points if point.replies >= _FEW]
    return max(min([*shown, calibration.wanted.precision], default=0) - 0.08, 0)
