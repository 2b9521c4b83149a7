"""Perplexities of a merge: of its parents, of what t makes of them, and of the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from accelerate import PartialState

from training.chat_template import use_chatml
from training.curves import draw_sweep
from training.errors import ResultRefused
from training.loading import fit_vocabulary, load_model, load_tokenizer
from training.manifest import write_json
from training.perplexity import Loss, held_out_tokens, loss_on
from training.run_folder import RunFolder
from training.schema.base import ModelSource
from training.schema.held_out import PerplexityCheck

SWEEP = "sweep.json"


class Perplexities:
    """Losses by name. Each is appended to `metrics.jsonl` at once: a run that was cut off measures none twice."""

    def __init__(self, check: PerplexityCheck, run: RunFolder) -> None:
        self._check = check
        self._file = run.metrics
        self._losses = dict(_measured(run.metrics))

    def known(self, name: str) -> Loss | None:
        return self._losses.get(name)

    def of(self, name: str, source: ModelSource) -> Loss:
        """Loads the model, unless `name` was measured before; on a GPU where there is one.

        Its own tokenizer is used, with ChatML laid over it.
        """
        if name not in self._losses:
            tokenizer = load_tokenizer(source)
            use_chatml(tokenizer)
            model = load_model(source)
            fit_vocabulary(model, tokenizer)
            model.to(PartialState().device)
            self._losses[name] = loss_on(model, held_out_tokens(self._check, tokenizer), name)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"model": name, **asdict(self._losses[name])}) + "\n")
        return self._losses[name]

    def accept(self, result: Loss, parents: dict[str, Loss]) -> None:
        """Raises ResultRefused where the result is too much worse than the worst parent."""
        name, worst = max(parents.items(), key=lambda one: one[1].perplexity)
        if not result.perplexity <= self._check.at_most * worst.perplexity:
            raise ResultRefused(
                f"the merge has perplexity {result.perplexity:.4g}, over {self._check.at_most:g} times the "
                f"{worst.perplexity:.4g} of its worst parent, {name}: take another t or method, or raise "
                f"perplexity.at_most (all figures: {self._file})"
            )


def sweep_of(values: list[float], measured: Perplexities, make: Callable[[float], ModelSource]) -> dict[float, Loss]:
    """Losses by t. make: merges at t, and says where; it is called for those that are not measured yet."""
    losses = {}
    for t in sorted(set(values)):
        name = f"t={t:g}"
        found = measured.known(name)
        losses[t] = found or measured.of(name, make(t))
    return losses


def best_of(losses: dict[float, Loss]) -> float:
    """The t of the lowest perplexity."""
    return min(losses, key=lambda t: losses[t].said)


def write_sweep(losses: dict[float, Loss], parents: dict[str, Loss], folder: Path, title: str) -> None:
    """`sweep.json` and `sweep.png`."""
    points = {t: loss.perplexity for t, loss in losses.items()}
    levels = {name: loss.perplexity for name, loss in parents.items()}
    rows = [{"t": t, "perplexity": loss.perplexity, **asdict(loss)} for t, loss in losses.items()]
    write_json(folder / SWEEP, {"best": best_of(losses), "points": rows, "parents": levels})
    draw_sweep(points, levels, folder / "sweep.png", title)


def _measured(metrics: Path) -> list[tuple[str, Loss]]:
    if not metrics.is_file():
        return []
    found = []
    for line in metrics.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the line that a kill cut off
            continue
        found.append((row.pop("model"), Loss(**row)))
    return found
