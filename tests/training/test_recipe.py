from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import RecipeError
from training.recipe import load_recipe, merged, parse_setting
from training.schema.stages import RECIPES, DpoRecipe, SftRecipe

RECIPE_FILES = sorted((Path(__file__).resolve().parents[2] / "training" / "recipes").rglob("*.yaml"))

SFT = """
output_dir: out
model: {name: packaged}
data: {train: {path: pairs.csv}, held_out_rows: 2}
lora: {rank: 8, alpha: 16}
"""


def written(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str, *settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe("sft", written(folder, text), settings)
    assert "\n" not in caught.value.detail
    return caught.value.detail


@pytest.mark.parametrize("file", RECIPE_FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_recipe_of_the_repository_is_valid(file: Path) -> None:
    stage = next(word for word in file.stem.split("-") if word in RECIPES)
    assert load_recipe(stage, file).seed >= 0


def test_the_study_is_in_the_recipes() -> None:
    (file,) = (file for file in RECIPE_FILES if file.match("mistral-7b/study-sft.yaml"))
    recipe = load_recipe("sft", file)
    assert isinstance(recipe, SftRecipe)
    assert recipe.lora is not None
    assert (recipe.lora.rank, recipe.lora.alpha, recipe.lora.scale, recipe.lora.target) == (256, 512, 2, "all-linear")


def test_settings_are_typed_and_reach_into_sections_and_lists(tmp_path: Path) -> None:
    settings = ["optimisation.learning_rate=1e-4", "lora.target=[q_proj, v_proj]", "lora.target.1=o_proj", "seed=7"]
    recipe = load_recipe("sft", written(tmp_path, SFT), [*settings, "data.replay.path=chat.jsonl"])
    assert isinstance(recipe, SftRecipe)
    assert recipe.lora is not None
    assert recipe.data.replay is not None
    assert recipe.optimisation.learning_rate == 1e-4
    assert recipe.lora.target == ["q_proj", "o_proj"]
    assert recipe.seed == 7
    assert recipe.data.replay.share == 0.1


@pytest.mark.parametrize("settings", [[], ["optimisation.batch_size=2"], ["optimisation.max_length=64"]])
def test_dpo_keeps_its_own_rate_beside_other_keys(tmp_path: Path, settings: list[str]) -> None:
    text = "output_dir: out\nmodel: {name: packaged}\ndata: {train: {path: pairs.jsonl}, held_out_rows: 2}\n"
    recipe = load_recipe("dpo", written(tmp_path, text), settings)
    assert isinstance(recipe, DpoRecipe)
    assert recipe.optimisation.learning_rate == 5e-7


def test_null_takes_a_section_out(tmp_path: Path) -> None:
    recipe = load_recipe("sft", written(tmp_path, SFT), ["lora=null"])
    assert isinstance(recipe, SftRecipe)
    assert recipe.lora is None


def test_a_recipe_extends_another_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    written(tmp_path / "base", SFT, "sft.yaml")
    text = "extends: base/sft.yaml\nlora: {rank: 4}\n"
    recipe = load_recipe("sft", written(tmp_path, text))
    assert isinstance(recipe, SftRecipe)
    assert recipe.lora is not None
    assert (recipe.lora.rank, recipe.lora.alpha) == (4, 16)


def test_lists_are_replaced_not_joined() -> None:
    assert merged({"a": [1, 2], "b": {"c": 1, "d": 2}}, {"a": [3], "b": {"c": 4}}) == {"a": [3], "b": {"c": 4, "d": 2}}


def test_recipes_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "extends: recipe.yaml\n", "other.yaml")
    assert "extends itself: recipe.yaml -> other.yaml" in refusal(tmp_path, "extends: other.yaml\n")


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    assert "unknown key lora.rnak; did you mean rank?" in refusal(tmp_path, SFT, "lora.rnak=3")
    assert "unknown key optimisation.warmup_ratio; did you mean warmup?" in refusal(
        tmp_path, SFT, "optimisation.warmup_ratio=0.1"
    )
    assert "unknown key zzz; known keys: assistant_only_loss, data," in refusal(tmp_path, SFT, "zzz=1")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (["lora.rank=0"], "lora.rank: Input should be greater than 0 (given: 0)"),
        (["data.held_out_rows=0"], "data: give one of `held_out` and `held_out_rows`"),
        (["model.name=tiny-random"], "model: `text` is given with `name: tiny-random`, and only there"),
        (["model.dtype=int3"], "model.dtype: Input should be 'bfloat16', 'float16' or 'float32' (given: 'int3')"),
        (
            ["optimisation.optimizer=adamw"],
            "optimisation.optimizer: Input should be 'adamw_torch_fused', 'adamw_torch'",
        ),
        (
            ["optimisation.patience=3", "optimisation.save_steps=50"],
            "optimisation: `patience` keeps the best checkpoint: set save_steps (50) to a multiple of eval_steps (100)",
        ),
        (["lora.rank"], "--set lora.rank: write key=value"),
        (["lora..rank=1"], "--set lora..rank=1: write key=value"),
        (["lora.rank=[1"], "--set lora.rank=[1: the value is no YAML"),
    ],
)
def test_wrong_values_are_refused_in_one_line(tmp_path: Path, settings: list[str], text: str) -> None:
    assert text in refusal(tmp_path, SFT, *settings)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("- a\n- b\n", "holds no mapping"), ("a: [1\n", "is no YAML"), ("extends: gone.yaml\n", "cannot be read")],
)
def test_files_that_are_no_recipes_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, text)


def test_a_setting_without_a_value_is_null() -> None:
    assert parse_setting("a.b=") == (["a", "b"], None)


def test_a_slerp_without_t_is_refused(tmp_path: Path) -> None:
    text = "output_dir: out\nmethod: slerp\nbase: {name: a}\nmodels: [{source: {name: b}}]\n"
    with pytest.raises(RecipeError, match="slerp takes one of `t` and `equal_weights: true`"):
        load_recipe("merge", written(tmp_path, text))


@pytest.mark.parametrize(
    ("merge", "said"),
    [
        ("method: ties\nmodels: [{source: {name: b}}]", "ties needs a `weight` for each of `models`: b has none"),
        ("method: dare_ties\nmodels: [{source: {name: b}}]", "dare_ties needs a `weight`"),
        (
            "method: linear\nmodels: [{source: {name: b}, weight: 1}, {source: {name: c}}]",
            "linear needs a `weight` for each of `models`: c has none",
        ),
        ("method: linear\nmodels: [{source: {name: b}, weight: 0}]", "linear divides by the sum of its weights"),
        ("t: [{filter: mlp, value: 0.5}]", "`t` ends with the one value that has no `filter`"),
        ("t: [{value: 0.5}, {filter: mlp, value: 0.5}]", "`t` ends with the one value that has no `filter`"),
        ("t: [{value: 0.5}, {value: 0.5}]", "`t` ends with the one value that has no `filter`"),
        ("t: [{value: 1.5}]", "t is 0 (the base) to 1 (the other model), one number or a list of them, not 1.5"),
        ("t: [{value: [0.5, -0.1]}]", "not [0.5, -0.1]"),
        ("t: [{value: []}]", "one number or a list of them, not []"),
    ],
)
def test_a_merge_that_mergekit_would_break_on_is_refused(tmp_path: Path, merge: str, said: str) -> None:
    head = "output_dir: out\nbase: {name: a}\n"
    slerp = "method: slerp\nmodels: [{source: {name: b}}]\n" if merge.startswith("t:") else ""
    with pytest.raises(RecipeError) as caught:
        load_recipe("merge", written(tmp_path, head + slerp + merge))
    assert said in caught.value.detail
    assert "\n" not in caught.value.detail


def test_a_schedule_with_a_value_for_the_rest_is_taken(tmp_path: Path) -> None:
    text = "output_dir: out\nmethod: slerp\nbase: {name: a}\nmodels: [{source: {name: b}}]\n"
    load_recipe("merge", written(tmp_path, text + "t: [{filter: mlp, value: [0, 1]}, {value: 0.5}]"))
