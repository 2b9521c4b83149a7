"""One stage from preflight to manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.errors import PreflightFailed, SourceError, SourceMissing
from training.pending import Pending
from training.preflight.adapter import SERVING
from training.preflight.finding import Finding
from training.run_folder import claimed, is_main_process
from training.schema.base import Recipe
from training.schema.stages import as_plain
from training.stage import load_stage, run_folder

_NOTHING = Pending()


def examine(stage: str, recipe: Recipe, pending: Pending = _NOTHING) -> list[Finding]:
    """What `--dry-run` tells. pending: what earlier steps of a chain will have made by then."""
    looked_at, stand_ins = pending.replaced(recipe)
    findings = [
        Finding("note", "model", f"an earlier step makes {name}: {other} stands in for its shape and tokenizer")
        for name, other in stand_ins.items()
    ]
    try:
        found = load_stage(stage).preflight(looked_at)
        # Those before an error stay. With a stand-in, an adapter below this one is not seen, which vLLM would mind.
        findings.extend(one for one in found if not (stand_ins and one.check == SERVING))
    except SourceMissing as error:
        if not pending.makes(error.path):
            return [*findings, Finding("error", "source", error.detail)]
        findings.append(Finding("note", "source", f"an earlier step makes {error.path}: the rest is checked then"))
    except SourceError as error:
        findings.append(Finding("error", "source", error.detail))
    return findings


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
