"""One stage from preflight to manifest."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from training.errors import PreflightFailed, SourceError
from training.preflight.finding import Finding
from training.run_folder import claimed, is_main_process
from training.schema.base import Recipe
from training.schema.stages import as_plain
from training.stage import load_stage, run_folder


def examine(stage: str, recipe: Recipe, pending: AbstractSet[str] = frozenset()) -> list[Finding]:
    """What `--dry-run` tells. pending: folders that earlier steps of a chain will have made by then."""
    try:
        return load_stage(stage).preflight(recipe)
    except SourceError as error:
        if any(folder in error.detail for folder in pending):
            return [Finding("note", "model", f"{error.detail.split(':')[0]}: an earlier step makes it, checked then")]
        return [Finding("error", "source", error.detail)]


def carry_out(stage: str, recipe: Recipe, *, restart: bool = False) -> tuple[Mapping[str, Any], bool]:
    """The manifest, and whether it was made now: a stage that is finished with the same inputs is not run again."""
    run = run_folder(stage, recipe)
    with claimed(run, restart=restart):
        finished = None if restart else run.finished()  # the first of several processes clears it meanwhile
        if finished is not None:
            return finished, False
        for finding in load_stage(stage).preflight(recipe):
            if finding.level == "error":
                raise PreflightFailed(f"{finding.check}: {finding.text}")
        run.begin(restart=restart)
        outcome = load_stage(stage).main(recipe, run)
        if not is_main_process():
            return {"metrics": outcome["metrics"], "wall_seconds": 0}, True
        return run.finish(as_plain(recipe), outcome), True
