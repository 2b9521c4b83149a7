"""Several models of one shape made into one, by mergekit.

SLERP takes two models, so more are merged in a chain: each with what came of those before it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge

from training.loading import fit_vocabulary, load_config, load_model, load_tokenizer
from training.model_source import find
from training.preflight.estimate import check_disk, weights_of
from training.preflight.finding import Finding
from training.preflight.shapes import compare_shapes
from training.run_folder import RunFolder
from training.schema.base import ModelSource
from training.schema.stages import Interpolation, MergeRecipe
from training.watching import peak_memory_bytes

_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


def preflight(recipe: MergeRecipe) -> list[Finding]:
    """Reads configs only."""
    base = (recipe.base.name, load_config(recipe.base))
    findings = []
    for model in recipe.models:
        findings += compare_shapes(base, (model.source.name, load_config(model.source)))
    needed = weights_of(base[1]).total * _BYTES[recipe.dtype]
    made = len(recipe.models) if recipe.method == "slerp" else 1
    return [*findings, check_disk(recipe.output_dir, needed * (made + 1))]


def main(recipe: MergeRecipe, run: RunFolder) -> Mapping[str, Any]:
    """The merged folder in `run.staging`."""
    work = run.path / ".parents"
    shutil.rmtree(work, ignore_errors=True)  # what a killed merge left
    parents = [_folder_of(source, work / str(at)) for at, source in enumerate(_sources(recipe))]
    plans = merge_plans(recipe, [str(parent) for parent in parents], work)
    for plan, target in plans[:-1]:
        _run(plan, target, recipe.seed)
    _run(plans[-1][0], run.staging, recipe.seed)
    for name in ("mergekit_config.yml", "README.md"):  # ours are the manifest and the model card of `export`
        (run.staging / name).unlink(missing_ok=True)
    shutil.rmtree(work)
    return {"metrics": {"models": len(parents), "merges": len(plans)}, "peak_memory_bytes": peak_memory_bytes()}


def _sources(recipe: MergeRecipe) -> list[ModelSource]:
    return [recipe.base, *(model.source for model in recipe.models)]


def merge_plans(recipe: MergeRecipe, parents: Sequence[str], work: Path) -> list[tuple[dict[str, Any], Path]]:
    """Mergekit's configuration of each merge with the folder it goes to; the last one's folder is not used.

    parents: the base, then the models, as folders or hub names.
    """
    shared = {"dtype": recipe.dtype, "tokenizer_source": recipe.tokenizer}
    if recipe.method != "slerp":
        return [({"merge_method": recipe.method, **_side_by_side(recipe, parents), **shared}, work / "merged")]
    plans: list[tuple[dict[str, Any], Path]] = []
    so_far = parents[0]
    for number, other in enumerate(parents[1:], start=1):
        t = [{"value": 1 / (number + 1)}] if recipe.equal_weights else [_schedule(one) for one in recipe.t]
        plan = {
            "merge_method": "slerp",
            "base_model": so_far,
            "models": [{"model": so_far}, {"model": other}],
            "parameters": {"t": t},
            **shared,
        }
        plans.append((plan, work / f"merged-{number}"))
        so_far = str(plans[-1][1])
    return plans


def _schedule(one: Interpolation) -> dict[str, Any]:
    return {"filter": one.filter, "value": one.value} if one.filter else {"value": one.value}


def _side_by_side(recipe: MergeRecipe, parents: Sequence[str]) -> dict[str, Any]:
    models = []
    for folder, model in zip(parents[1:], recipe.models, strict=True):
        given = {"weight": model.weight, "density": model.density}
        models.append(
            {"model": folder, "parameters": {key: value for key, value in given.items() if value is not None}}
        )
    if recipe.method == "linear":  # it has no base: every model is weighed
        return {"models": models}
    return {"base_model": parents[0], "models": models}


def _folder_of(source: ModelSource, target: Path) -> Path | str:
    """A folder of safetensors: the source's own where it has one, else one made in `target`."""
    located = find(source)
    if located.kind == "hub":
        return source.name if source.revision is None else f"{source.name}@{source.revision}"
    if located.kind == "folder":
        assert located.path is not None  # noqa: S101
        return located.path.resolve()
    tokenizer = load_tokenizer(source)
    model = load_model(source)
    fit_vocabulary(model, tokenizer)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def _run(plan: Mapping[str, Any], target: Path, seed: int) -> None:
    options = MergeOptions(
        cuda=torch.cuda.is_available(),
        lazy_unpickle=True,
        quiet=True,
        random_seed=seed,  # dare_ties drops differences at random
        write_model_card=False,
    )
    run_merge(MergeConfiguration.model_validate(plan), out_path=str(target), options=options)
