"""Several models of one shape made into one, by mergekit.

SLERP takes two models, so more are merged in a chain: each with what came of those before it.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge

from training.chat_template import use_chatml
from training.loading import fit_vocabulary, load_config, load_model, load_tokenizer
from training.model_source import find
from training.perplexity import held_out_texts
from training.preflight.estimate import check_disk, check_holding, weights_of
from training.preflight.finding import Finding
from training.preflight.shapes import compare_shapes
from training.run_folder import RunFolder
from training.schema.base import ModelSource
from training.schema.stages import Interpolation, MergeRecipe
from training.sweep import Perplexities, best_of, sweep_of, write_sweep
from training.watching import peak_with_gpu

Schedule = Sequence[Interpolation]
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_SHARD = 5e9  # bytes of a file of the result, which mergekit collects before it writes them


def preflight(recipe: MergeRecipe) -> Iterator[Finding]:
    """Reads configs, and the rows that perplexity is measured on."""
    base = (recipe.base.name, load_config(recipe.base))
    for model in recipe.models:
        yield from compare_shapes(base, (model.source.name, load_config(model.source)))
    needed = weights_of(base[1]).total * _BYTES[recipe.dtype]
    made = len(recipe.models) if recipe.method == "slerp" else 1
    yield _holding(recipe, base[1])
    yield check_disk(recipe.output_dir, needed * (made + (2 if recipe.sweep else 1)))
    yield _measuring(recipe)


def _holding(recipe: MergeRecipe, base: Mapping[str, Any]) -> Finding:
    """Mergekit reads tensor by tensor; a model is held whole to be measured, or where it is no folder yet."""
    sources = _sources(recipe)
    if recipe.perplexity is None:
        sources = [source for source in sources if find(source).kind not in {"hub", "folder"}]
    widest = max([_BYTES[source.dtype] for source in sources], default=0)
    if recipe.perplexity is not None or recipe.chat_template == "chatml":
        widest = max(widest, _BYTES[recipe.dtype])
    needed = max(widest * weights_of(base).total, _SHARD)
    return check_holding(needed, "the largest of the models" if widest else "a part of the result at a time")


def _measuring(recipe: MergeRecipe) -> Finding:
    if recipe.perplexity is None:
        return Finding("warning", "perplexity", "not given: a merge that broke the model would not be noticed")
    texts = held_out_texts(recipe.perplexity)
    models = 2 + len(recipe.models) + len(recipe.sweep)
    kind = "characters of text" if isinstance(texts, str) else "held-out chats"
    return Finding("ok", "perplexity", f"{models} models are measured on {len(texts)} {kind}")


def main(recipe: MergeRecipe, run: RunFolder) -> Mapping[str, Any]:
    """The merged folder in `run.staging`. Raises ResultRefused where its perplexity is over what is allowed."""
    work = run.path / ".parents"
    shutil.rmtree(work, ignore_errors=True)  # what a killed merge left
    parents = [_folder_of(source, work / str(at)) for at, source in enumerate(_sources(recipe))]
    merging = Merging(recipe, [str(parent) for parent in parents], work)
    metrics: dict[str, Any] = {"models": len(parents)}
    if recipe.perplexity is None:
        merging.into(run.staging, _given(recipe))
    else:
        metrics |= _measured_merge(merging, Perplexities(recipe.perplexity, run), run)
    for name in ("mergekit_config.yml", "README.md"):  # ours are the manifest and the model card of `export`
        (run.staging / name).unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    return {"metrics": metrics, "peak_memory_bytes": peak_with_gpu()}


@dataclass(frozen=True, slots=True)
class Merging:
    """parents: the base, then the models, as folders or hub names. work: for what lies between."""

    recipe: MergeRecipe
    parents: Sequence[str]
    work: Path

    def into(self, folder: Path, t: Schedule) -> ModelSource:
        """Merge at `t` (slerp's), and lay the recipe's chat template over the result."""
        plans = merge_plans(self.recipe, self.parents, self.work, t)
        for plan, between in plans[:-1]:
            _run(plan, between, self.recipe.seed)
        _run(plans[-1][0], folder, self.recipe.seed)
        made = ModelSource(name=str(folder), dtype=self.recipe.dtype, attention=self.recipe.base.attention)
        if self.recipe.chat_template == "chatml":
            _lay_chatml(made, folder)
        return made

    def scratch(self, t: float) -> ModelSource:
        """One merge at `t`, in the place of the one before."""
        folder = self.work / "tried"
        shutil.rmtree(folder, ignore_errors=True)
        return self.into(folder, [Interpolation(value=t)])

    def source_of(self, at: int) -> ModelSource:
        """A parent as it goes into the merge."""
        source = _sources(self.recipe)[at]
        return (
            source if find(source).kind == "hub" else source.model_copy(update={"name": self.parents[at], "text": None})
        )


def _measured_merge(merging: Merging, perplexities: Perplexities, run: RunFolder) -> dict[str, Any]:
    """The merge, with the perplexity of each parent before it and of the result after it."""
    recipe = merging.recipe
    names = [f"{at}: {Path(source.name).name}" for at, source in enumerate(_sources(recipe))]
    parents = {name: perplexities.of(name, merging.source_of(at)) for at, name in enumerate(names)}
    metrics: dict[str, Any] = {f"perplexity_parent_{at}": parents[name].perplexity for at, name in enumerate(names)}
    t = _given(recipe)
    if recipe.sweep:
        losses = sweep_of(recipe.sweep, perplexities, merging.scratch)
        write_sweep(losses, parents, run.staging, f"{recipe.method}: perplexity by t")
        metrics["best_t"] = best_of(losses)
        t = [Interpolation(value=best_of(losses))] if recipe.t == "best" else t
    result = perplexities.of("result", merging.into(run.staging, t))
    perplexities.accept(result, parents)
    return {**metrics, "perplexity": result.perplexity, "perplexity_all_tokens": math.exp(result.all_tokens)}


def _given(recipe: MergeRecipe) -> Schedule:
    """Empty where the sweep decides, or weights are equal."""
    return [] if isinstance(recipe.t, str) else recipe.t


def _sources(recipe: MergeRecipe) -> list[ModelSource]:
    return [recipe.base, *(model.source for model in recipe.models)]


def _lay_chatml(made: ModelSource, folder: Path) -> None:
    """ChatML as `sft` trains with it; a vocabulary without its tokens grows by them."""
    tokenizer = load_tokenizer(made)
    if use_chatml(tokenizer):
        model = load_model(made)
        fit_vocabulary(model, tokenizer)
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def merge_plans(
    recipe: MergeRecipe, parents: Sequence[str], work: Path, schedule: Schedule
) -> list[tuple[dict[str, Any], Path]]:
    """Mergekit's configuration of each merge with the folder it goes to; the last one's folder is not used.

    parents: the base, then the models, as folders or hub names. schedule: slerp's t, unless weights are equal.
    """
    # By name where the method has no base of its own: mergekit would take that of any model.
    tokenizer = parents[0] if recipe.method == "linear" and recipe.tokenizer == "base" else recipe.tokenizer
    shared = {"dtype": recipe.dtype, "tokenizer_source": tokenizer}
    if recipe.method != "slerp":
        return [({"merge_method": recipe.method, **_side_by_side(recipe, parents), **shared}, work / "merged")]
    plans: list[tuple[dict[str, Any], Path]] = []
    so_far = parents[0]
    for number, other in enumerate(parents[1:], start=1):
        t = [{"value": 1 / (number + 1)}] if recipe.equal_weights else [_schedule(one) for one in schedule]
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
