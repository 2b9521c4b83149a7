from __future__ import annotations

from pathlib import Path

import pytest

from app.index.section import Chunk
from tests.training.teaching import chunk
from training.corpus import section_of
from training.errors import RecipeError
from training.recipe import load_recipe
from training.schema.generate import GenerateRecipe
from training.schema.stages import as_plain
from training.stage import run_folder
from training.teacher.plan import plan, split_sections
from training.teacher.preflight import estimate

TEN_SECTIONS = [chunk(number, "page.md", f"Heading {number // 3}") for number in range(30)]


def recipe(**changes: object) -> GenerateRecipe:
    return GenerateRecipe.model_validate({"output_dir": "out", "docs": "docs", "teacher": "embedded", **changes})


def held(split: dict[str, str], chunks: list[Chunk]) -> list[Chunk]:
    return [one for one in chunks if split[section_of(one)] == "held_out"]


def test_sections_are_held_out_whole_up_to_the_share_of_chunks() -> None:
    split = split_sections(TEN_SECTIONS, 0.2, seed=1)
    assert sorted(split.values()).count("held_out") == 2
    assert len(held(dict(split), TEN_SECTIONS)) == 6


def test_the_seed_decides_which_sections() -> None:
    assert split_sections(TEN_SECTIONS, 0.2, seed=1) == split_sections(TEN_SECTIONS, 0.2, seed=1)
    assert len({tuple(split_sections(TEN_SECTIONS, 0.2, seed=seed).items()) for seed in range(5)}) > 1


def test_one_section_is_held_out_however_small_the_share_and_none_of_one() -> None:
    assert list(split_sections(TEN_SECTIONS, 0.01, seed=1).values()).count("held_out") == 1
    assert set(split_sections(TEN_SECTIONS[:3], 0.5, seed=1).values()) == {"train"}
    assert set(split_sections(TEN_SECTIONS, 0.0, seed=1).values()) == {"train"}


def test_a_draw_keeps_the_order_and_has_both_sides() -> None:
    drawn = plan(TEN_SECTIONS, recipe(max_chunks=4))
    assert len(drawn.chunks) == 4
    assert list(drawn.chunks) == sorted(drawn.chunks, key=lambda one: one.id)
    assert sorted(drawn.side(one) for one in drawn.chunks) == ["held_out", "train", "train", "train"]
    assert len(drawn.split) == 10
    assert drawn.joined <= {one.id for one in drawn.chunks}


def test_requests_are_counted_before_they_are_made() -> None:
    chosen = recipe(passes=3, pairs_per_request=2, multi_section_share=0.5, unanswerable_share=0.1)
    planned = plan(TEN_SECTIONS, chosen)
    assert planned.most_requests(chosen) == 30 * 3 + 15 + 3 * (1 + 2)
    about = estimate(planned, chosen)
    assert about.requests == planned.most_requests(chosen)
    longer = estimate(planned, recipe(passes=4, pairs_per_request=2, multi_section_share=0.5, unanswerable_share=0.1))
    assert longer.prompt_tokens > about.prompt_tokens
    assert longer.completion_tokens == about.completion_tokens + 30 * 2 * 150


def test_one_word_names_the_embedded_engine_and_an_endpoint_needs_a_model() -> None:
    assert recipe().teacher.base_url == "embedded"
    with pytest.raises(ValueError, match="`model` is missing"):
        recipe(teacher={"base_url": "http://127.0.0.1:8000/v1"})


def test_a_limit_without_prices_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "generate.yaml"
    file.write_text("output_dir: out\ndocs: docs\nteacher: embedded\n")
    with pytest.raises(RecipeError, match="max_cost needs `prices`"):
        load_recipe("generate", file, ["max_cost=2"])


def test_what_changes_nothing_of_the_result_may_change_between_two_attempts(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# Page\n")
    base = {"docs": str(tmp_path / "docs"), "prices": {"prompt": 1}}
    first = run_folder("generate", recipe(**base, max_cost=1)).inputs
    assert run_folder("generate", recipe(**base, max_cost=5, requests={"concurrency": 1})).inputs == first
    assert run_folder("generate", recipe(**base, passes=2)).inputs != first
    (tmp_path / "docs" / "page.md").write_text("# Another page\n")
    assert run_folder("generate", recipe(**base)).inputs["data"] != first["data"]


@pytest.mark.parametrize("model", ["tiny-random", "smollm2-135m", "mistral-7b"])
def test_the_recipes_are_valid(model: str) -> None:
    root = Path(__file__).resolve().parents[2]
    loaded = load_recipe("generate", root / "training" / "recipes" / model / "generate.yaml", [])
    assert isinstance(loaded, GenerateRecipe)
    assert GenerateRecipe.model_validate(as_plain(loaded)) == loaded
