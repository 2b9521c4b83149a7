from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.with_torch.training_command import RECIPES, ROOT
from training.carrying_out import carry_out
from training.errors import SourceError
from training.gguf_writer import gguf_name, pre_tokenizer, turned
from training.merge import merge_plans, preflight
from training.model_source import identity
from training.recipe import load_recipe
from training.schema.base import ModelSource
from training.schema.stages import MergeRecipe

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]


def recipe(method: str, count: int = 3, **changes: Any) -> MergeRecipe:
    parents = [{"source": {"name": name}, "weight": 0.5, "density": 0.6} for name in "bcd"[:count]]
    tree = {"output_dir": "out", "method": method, "base": {"name": "a"}, "models": parents, **changes}
    return MergeRecipe.model_validate(tree)


def test_four_models_of_equal_weight_are_three_merges() -> None:
    plans = merge_plans(recipe("slerp", equal_weights=True), ["a", "b", "c", "d"], Path("work"), [])
    assert [[model["model"] for model in plan["models"]] for plan, _ in plans] == [
        ["a", "b"],
        ["work/merged-1", "c"],
        ["work/merged-2", "d"],
    ]
    assert [plan["parameters"]["t"][0]["value"] for plan, _ in plans] == [1 / 2, 1 / 3, 1 / 4]


def test_ties_weighs_all_models_against_one_base() -> None:
    ((plan, _),) = merge_plans(recipe("ties", 2), ["a", "b", "c"], Path("work"), [])
    assert plan["base_model"] == "a"
    assert plan["models"][1] == {"model": "c", "parameters": {"weight": 0.5, "density": 0.6}}


def test_the_studys_merge_is_refused_before_anything_is_fetched() -> None:
    names = ["mistralai/Mistral-7B-v0.1", "WizardLMTeam/WizardCoder-Python-7B-V1.0"]
    parents = [{"source": {"name": names[1]}}]
    findings = preflight(recipe("slerp", t=[{"value": 0.5}], base={"name": names[0]}, models=parents))
    assert findings[0].level == "error"
    assert "is a CodeLlama" in findings[0].text


def test_query_rows_are_turned_from_halves_to_pairs() -> None:
    rows = torch.arange(8.0).reshape(8, 1)  # two heads of four: first halves 0 1, second halves 2 3
    assert turned(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_names_of_tensors() -> None:
    assert gguf_name("model.layers.3.self_attn.q_proj.weight") == "blk.3.attn_q.weight"
    assert gguf_name("lm_head.weight") == "output.weight"
    with pytest.raises(SourceError, match="has no place"):
        gguf_name("model.layers.3.self_attn.q_proj.bias")


def test_only_tokenizers_that_gguf_knows_are_named() -> None:
    digits = {"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]}
    assert pre_tokenizer({"model": {"type": "BPE"}, "pre_tokenizer": digits}) == "smollm"
    assert pre_tokenizer({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "ByteLevel"}}) == "gpt-2"
    assert pre_tokenizer({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Metaspace"}}) is None
    assert pre_tokenizer({"model": {"type": "Unigram"}, "pre_tokenizer": {"type": "ByteLevel"}}) is None


def test_an_export_of_the_tiny_model_is_finished_whatever_its_card_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "export"
    tiny = "{name: tiny-random, text: tests/training/data/tokenizer_text.md, dtype: float32}"
    export = load_recipe("export", RECIPES / "export.yaml", [f"output_dir={folder}", f"model={tiny}", "gguf=[]"])
    assert carry_out("export", export)[1] is True
    before = identity(ModelSource(name=str(folder)))
    (folder / "README.md").write_text("Another card.")
    assert carry_out("export", export)[1] is False
    assert identity(ModelSource(name=str(folder))) == before
