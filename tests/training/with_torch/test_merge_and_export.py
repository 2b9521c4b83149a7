from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, trainers
from transformers import LlamaForCausalLM

from tests.training.with_torch.training_command import RECIPES, ROOT
from training import export
from training.carrying_out import carry_out
from training.errors import SourceError
from training.export import preflight as export_preflight
from training.gguf_writer import check_tokenizer, gguf_name, pre_tokenizer, turned
from training.merge import merge_plans, preflight
from training.model_source import identity
from training.recipe import load_recipe
from training.schema.base import ModelSource
from training.schema.stages import ExportRecipe, MergeRecipe
from training.tiny import tiny_tokenizer

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]


TINY = "{name: tiny-random, text: tests/training/data/tokenizer_text.md, dtype: float32}"


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
    findings = list(preflight(recipe("slerp", t=[{"value": 0.5}], base={"name": names[0]}, models=parents)))
    assert findings[0].level == "error"
    assert "is a CodeLlama" in findings[0].text


MISTRAL_BF16 = 7_241_732_096 * 2 / 1e9


@pytest.mark.parametrize(
    ("changes", "gigabytes"),
    [
        ({"dtype": "bfloat16"}, "5.0"),
        ({"chat_template": "chatml"}, f"{MISTRAL_BF16:.1f}"),
        ({"perplexity": {"path": str(ROOT / "tests/training/data/pairs.jsonl")}}, f"{MISTRAL_BF16:.1f}"),
        ({"dtype": "float32", "chat_template": "chatml"}, f"{2 * MISTRAL_BF16:.1f}"),
    ],
)
def test_a_merge_says_what_it_holds_in_memory(changes: dict[str, Any], gigabytes: str) -> None:
    mistral = {"name": "mistralai/Mistral-7B-v0.1"}
    parents = [{"source": {"name": "jan-hq/trinity-v1"}}]
    findings = list(preflight(recipe("slerp", t=[{"value": 0.5}], base=mistral, models=parents, **changes)))
    (memory,) = (finding for finding in findings if finding.check == "memory")
    assert memory.text.startswith(f"about {gigabytes} GB of ")


def test_an_export_compares_in_32_bits() -> None:
    mistral = {"output_dir": "out", "model": {"name": "mistralai/Mistral-7B-v0.1"}}
    (memory,) = (one for one in export_preflight(ExportRecipe.model_validate(mistral)) if one.check == "memory")
    assert memory.text.startswith(f"about {2 * MISTRAL_BF16:.1f} GB of ")


def test_an_export_holds_one_model_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    held: list[int] = []

    def watched(*given: Any) -> Any:
        gc.collect()
        held.append(sum(isinstance(one, LlamaForCausalLM) for one in gc.get_objects()))
        return reloaded(*given)

    reloaded = export._reloaded
    monkeypatch.setattr(export, "_reloaded", watched)
    gc.collect()
    before = sum(isinstance(one, LlamaForCausalLM) for one in gc.get_objects())
    carry_out(
        "export", load_recipe("export", RECIPES / "export.yaml", [f"output_dir={tmp_path / 'out'}", f"model={TINY}"])
    )
    assert held == [before] * 3


def test_query_rows_are_turned_from_halves_to_pairs() -> None:
    rows = torch.arange(8.0).reshape(8, 1)  # two heads of four: first halves 0 1, second halves 2 3
    assert turned(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_names_of_tensors() -> None:
    assert gguf_name("model.layers.3.self_attn.q_proj.weight") == "blk.3.attn_q.weight"
    assert gguf_name("lm_head.weight") == "output.weight"
    with pytest.raises(SourceError, match="has no place"):
        gguf_name("model.layers.3.self_attn.q_proj.bias")


def test_a_tokenizer_as_mistral_has_it_is_named() -> None:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))  # noqa: S106
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(["The lamp has a level and a colour."], trainer)
    finding = check_tokenizer(json.loads(tokenizer.to_str()))
    assert finding.level == "error"
    assert "SentencePiece's make (Mistral 7B's, Llama 2's)" in finding.text
    assert "set gguf to [], and serve the folder with vLLM" in finding.text
    tiny = json.loads(tiny_tokenizer(ROOT / "README.md").backend_tokenizer.to_str())
    assert check_tokenizer(tiny).level == "ok"


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
    tiny = load_recipe("export", RECIPES / "export.yaml", [f"output_dir={folder}", f"model={TINY}", "gguf=[]"])
    assert carry_out("export", tiny)[1] is True
    before = identity(ModelSource(name=str(folder)))
    (folder / "README.md").write_text("Another card.")
    assert carry_out("export", tiny)[1] is False
    assert identity(ModelSource(name=str(folder))) == before
