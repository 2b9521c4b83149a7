from __future__ import annotations

from pathlib import Path

import pytest

from training.chain import load_chain
from training.errors import RecipeError
from training.schema.stages import MergeRecipe, SftRecipe

ROOT = Path(__file__).resolve().parents[2]
RUNS = sorted((ROOT / "training" / "runs").glob("*.yaml"))

CHAIN = """
output_dir: out
steps:
  - {stage: sft, name: first, recipe: sft.yaml}
  - {stage: sft, name: second, recipe: sft.yaml, set: {seed: 5, model: {name: "{first}"}}, launch: 2}
"""
RECIPE = "output_dir: elsewhere\nmodel: {name: packaged}\ndata: {train: {path: a.csv}, held_out_rows: 2}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sft.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "run.yaml").write_text(CHAIN, encoding="utf-8")
    return tmp_path / "run.yaml"


def refusal(file: Path, *settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_chain(file, settings)
    return caught.value.detail


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.stem)
def test_every_run_file_of_the_repository_is_valid(run: Path) -> None:
    steps = load_chain(run)
    assert len({step.recipe.output_dir for step in steps}) == len(steps)


def test_steps_have_folders_of_their_own_and_find_those_before_them(file: Path) -> None:
    first, second = load_chain(file, ["output_dir=made"])
    assert isinstance(second.recipe, SftRecipe)
    assert first.recipe.output_dir == Path("made/first")
    assert second.recipe.model.name == "made/first"
    assert (second.recipe.seed, second.launch, list(second.pending.folders)) == (5, 2, ["made/first"])


def test_settings_reach_one_step(file: Path) -> None:
    first, second = load_chain(file, ["second.optimisation.max_steps=3"])
    assert isinstance(first.recipe, SftRecipe)
    assert isinstance(second.recipe, SftRecipe)
    assert (first.recipe.optimisation.max_steps, second.recipe.optimisation.max_steps) == (None, 3)


def test_wrong_run_files_and_settings_are_refused(file: Path) -> None:
    assert "begin with output_dir or a step's name (first, second)" in refusal(file, "third.seed=1")
    assert "unknown key lora.rnak" in refusal(file, "first.lora.rnak=1")
    file.write_text(CHAIN.replace("{first}", "{second}"), encoding="utf-8")
    assert "no earlier step is called second" in refusal(file)
    file.write_text(CHAIN.replace("name: second", "name: first"), encoding="utf-8")
    assert "two steps have one name" in refusal(file)
    file.write_text(CHAIN.replace("recipe:", "recipt:"), encoding="utf-8")
    assert "unknown key steps.0.recipt; did you mean recipe?" in refusal(file)


def test_a_merge_finds_its_parents(file: Path) -> None:
    parents = 'base: {name: "{first}"}\nmodels: [{source: {name: "{second}"}}]\n'
    merge = f"output_dir: x\nmethod: slerp\nt: [{{value: 0.5}}]\n{parents}"
    (file.parent / "merge.yaml").write_text(merge, encoding="utf-8")
    file.write_text(f"{CHAIN}  - {{stage: merge, recipe: merge.yaml}}\n", encoding="utf-8")
    recipe = load_chain(file)[-1].recipe
    assert isinstance(recipe, MergeRecipe)
    assert (recipe.base.name, recipe.models[0].source.name) == ("out/first", "out/second")
