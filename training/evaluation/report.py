"""`report.html`: one file, without scripts or anything from elsewhere, that a colleague can be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.evaluation import plots
from training.evaluation.items import LETTERS, Item
from training.evaluation.mcq import ArmResult
from training.evaluation.page import environment
from training.evaluation.results import Results


@dataclass(frozen=True, slots=True)
class Picture:
    """title: over it. told: what one sees, for those who do not."""

    title: str
    told: str
    url: str


def write_report(path: Path, items: Sequence[Item], arms: Sequence[ArmResult], results: Results) -> None:
    page = (
        environment()
        .get_template("mcq.html")
        .render(
            results=results,
            pictures=_pictures(arms, results),
            rows=[_row(item, arms) for item in items],
            arm_names=[arm.name for arm in arms if arm.outcomes],
            letters=LETTERS,
        )
    )
    path.write_text(page, encoding="utf-8")


def _pictures(arms: Sequence[ArmResult], results: Results) -> list[Picture]:
    figures = [
        ("Accuracy by arm", "The table of arms as points with intervals.", plots.accuracies(results.arms)),
    ]
    if results.differences:
        figures.append(
            (
                "Differences",
                "The table of differences as points with intervals.",
                plots.differences(results.differences),
            )
        )
    if any(arm.outcomes for arm in arms):
        figures += [
            (
                "Probability of the right option",
                "A box an arm: median, quartiles, 5 % and 95 %.",
                plots.distributions(arms),
            ),
            ("Items and arms", "The table of items as a heat map, the easiest item first.", plots.items_by_arm(arms)),
        ]
    if results.study is not None:
        figures.append(("Rounds", "Accuracy of the rounds, a box an arm.", plots.rounds(results.study.arms)))
    return [Picture(title, told, plots.as_data_url(figure)) for title, told, figure in figures]


def _row(item: Item, arms: Sequence[ArmResult]) -> dict[str, object]:
    """An item with a cell an arm: the share of orders right, and whose miss it is."""
    cells: list[dict[str, float | str | None]] = []
    for arm in arms:
        if not arm.outcomes:
            continue
        one = next((outcome for outcome in arm.outcomes if outcome.item == item.number), None)
        if one is None:
            cells.append({"right": None, "miss": arm.left_out.get(item.number, "")})
        else:
            miss = "" if one.right == 1 or one.holds_source is None else "model" if one.holds_source else "retrieval"
            cells.append({"right": one.right, "miss": miss})
    return {"item": item, "cells": cells}
