"""A chain of stages: which recipe, with what changed, into which folder below one output folder."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from training.carrying_out import carry_out
from training.errors import RecipeError, RunConflict
from training.manifest import read_manifest
from training.pending import Pending
from training.recipe import merged, overlaid, parse_setting, read_tree, validated
from training.schema.base import Recipe, Section
from training.schema.stages import RECIPES, as_plain
from training.stage import run_folder


class StepFile(Section):
    """A step of a run file. In `set`, `{name}` is the folder of the earlier step of that name."""

    name: str = Field("", pattern=r"^[\w-]*$", description="Folder below output_dir. Empty: the stage's name.")
    stage: Literal["generate", "prepare", "merge", "sft", "dpo", "export"]
    recipe: Path = Field(description="Relative to the run file.")
    set: dict[str, Any] = Field(default_factory=dict, description="Laid over the recipe.")
    launch: int | Path | None = Field(
        None, description="Several processes: their number (gloo on a CPU), or a file of training/accelerate."
    )


class ChainFile(Section):
    """A run file."""

    output_dir: Path
    steps: list[StepFile] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Step:
    """pending: what the steps before it make."""

    name: str
    stage: str
    recipe: Recipe
    launch: int | Path | None = None
    pending: Pending = field(default_factory=Pending)


def load_chain(file: Path, settings: Sequence[str] = ()) -> list[Step]:
    """settings: `output_dir=…`, and `NAME.key=value` for the step of that name. Raises RecipeError."""
    given = [parse_setting(text) for text in settings]
    own = [(keys, value) for keys, value in given if keys == ["output_dir"]]
    chain = validated(ChainFile, overlaid(read_tree(file), own), str(file))
    names = [step.name or step.stage for step in chain.steps]
    for keys, _ in given:
        if keys != ["output_dir"] and (len(keys) == 1 or keys[0] not in names):
            raise RecipeError(f"--set {'.'.join(keys)}: begin with output_dir or a step's name ({', '.join(names)})")
    if len(set(names)) < len(names):
        raise RecipeError(f"{file}: two steps have one name: give each its own `name`")
    folders: dict[str, Path] = {}
    steps: list[Step] = []
    pending = Pending()
    for name, step in zip(names, chain.steps, strict=True):
        changes = [(keys[1:], value) for keys, value in given if keys[0] == name and len(keys) > 1]
        base = read_tree(file.resolve().parent / step.recipe)
        tree = overlaid(merged(base, step.set), changes)
        tree = _with_folders(tree, folders)
        tree["output_dir"] = str(chain.output_dir / name)
        recipe = validated(RECIPES[step.stage], tree, f"{file}: {name}")
        launch = file.resolve().parent / step.launch if isinstance(step.launch, Path) else step.launch
        steps.append(Step(name, step.stage, recipe, launch, pending))
        folders[name] = chain.output_dir / name
        pending = pending.after(recipe)
    return steps


def _with_folders(node: Any, folders: Mapping[str, Path]) -> Any:  # noqa: ANN401
    """`{name}` at the beginning of a text, replaced by the folder of that step."""
    if isinstance(node, dict):
        return {key: _with_folders(value, folders) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_folders(one, folders) for one in node]
    if isinstance(node, str) and node.startswith("{"):
        name, _, rest = node[1:].partition("}")
        if name not in folders:
            raise RecipeError(f"{node}: no earlier step is called {name}")
        return f"{folders[name]}{rest}"
    return node


def run_chain(steps: Sequence[Step], *, restart: bool = False) -> Iterator[tuple[Step, Mapping[str, Any], bool]]:
    """Each step with its manifest and whether it was made now."""
    for step in steps:
        if step.launch is None:
            manifest, made = carry_out(step.stage, step.recipe, restart=restart)
        else:
            manifest, made = _launched(step, restart=restart)
        yield step, manifest, made
        gc.collect()  # the step's weights, before the next one loads its own


def _launched(step: Step, *, restart: bool) -> tuple[Mapping[str, Any], bool]:
    """Several processes, each of which carries out the stage."""
    finished = run_folder(step.stage, step.recipe).finished()
    if finished is not None and not restart:
        return finished, False
    folder = step.recipe.output_dir
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.with_name(f"{folder.name}.recipe.yaml")
    file.write_text(yaml.safe_dump(as_plain(step.recipe), allow_unicode=True), encoding="utf-8")
    if isinstance(step.launch, int):
        launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(step.launch)]
    else:
        launcher = ["accelerate.commands.launch", "--config_file", str(step.launch)]
    stage = ["-m", "training", step.stage, "--recipe", str(file), *(["--restart"] if restart else [])]
    done = subprocess.run([sys.executable, "-m", *launcher, *stage], check=False, stdout=sys.stderr)  # noqa: S603
    if done.returncode:
        raise RunConflict(f"{step.name} ended with exit code {done.returncode}: its processes said why above")
    return read_manifest(folder), True
