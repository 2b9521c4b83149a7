from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from tests.training.with_torch.training_command import RECIPES, ROOT
from training.carrying_out import carry_out
from training.chat_template import CHATML, END
from training.errors import ResultRefused
from training.recipe import load_recipe
from training.schema.stages import MergeRecipe
from training.tiny import tiny_model, tiny_tokenizer

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]

MEASURED = {"path": "tests/training/data/pairs.jsonl", "held_out_rows": 8, "max_length": 128}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three fine-tunings of one model, merged into whole folders."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for seed in range(3):
            folder = tmp_path_factory.mktemp("parents") / f"model-{seed}"
            settings = [f"output_dir={folder}", f"seed={seed}", "lora=null", "optimisation.max_steps=3"]
            settings += ["optimisation.learning_rate=3e-3", "optimisation.log_steps=10", "optimisation.eval_steps=100"]
            carry_out("sft", load_recipe("sft", RECIPES / "sft.yaml", settings))
            made.append(folder)
    return made


def merged(folder: Path, parents: list[Path], method: str, **changes: Any) -> Mapping[str, Any]:
    weighed = {"weight": 0.5, "density": 0.6} if method in {"ties", "dare_ties"} else {}
    models = [{"source": {"name": str(one), "dtype": "float32"}, **weighed} for one in parents[1:]]
    if method == "linear":
        models = [{**one, "weight": 0.5} for one in models]
    tree = {
        "output_dir": folder,
        "method": method,
        "base": {"name": str(parents[0]), "dtype": "float32"},
        "models": models,
        "dtype": "float32",
        "perplexity": MEASURED,
        **changes,
    }
    return carry_out("merge", MergeRecipe.model_validate(tree))[0]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(folder / "model.safetensors")
    return found


@pytest.mark.parametrize("method", ["ties", "dare_ties", "model_stock", "linear"])
def test_methods_that_take_several_models(method: str, parents: list[Path], tmp_path: Path) -> None:
    metrics = merged(tmp_path / "out", parents, method)["metrics"]
    worst = max(metrics[f"perplexity_parent_{at}"] for at in range(3))
    assert 1 < metrics["perplexity"] < 1.5 * worst
    result, tensors = weights(tmp_path / "out"), [weights(one) for one in parents]
    assert not any(
        torch.equal(result["model.embed_tokens.weight"], one["model.embed_tokens.weight"]) for one in tensors
    )
    if method == "linear":
        for name, tensor in result.items():
            assert torch.allclose(tensor, (tensors[1][name] + tensors[2][name]) / 2, atol=1e-6)


def test_a_chain_of_slerps_gives_each_model_its_share(parents: list[Path], tmp_path: Path) -> None:
    merged(tmp_path / "out", parents, "slerp", equal_weights=True)
    result, tensors = weights(tmp_path / "out"), [weights(one) for one in parents]
    name = "model.layers.0.mlp.up_proj.weight"
    mean = torch.stack([one[name] for one in tensors]).mean(dim=0)
    apart = [float((result[name] - one).norm()) for one in (mean, *(one[name] for one in tensors))]
    assert apart[0] < 0.1 * min(apart[1:])  # on the sphere the mean is a little longer


def test_a_schedule_by_filter_reaches_the_tensors_it_names(parents: list[Path], tmp_path: Path) -> None:
    t = [{"filter": "self_attn", "value": 1.0}, {"filter": "mlp", "value": [0.0, 1.0]}, {"value": 0.0}]
    merged(tmp_path / "out", parents[:2], "slerp", t=t)
    result, base, other = (weights(one) for one in (tmp_path / "out", *parents[:2]))
    for name, parent in (
        ("model.layers.0.self_attn.q_proj.weight", other),
        ("model.layers.0.mlp.up_proj.weight", base),
        ("model.layers.1.mlp.up_proj.weight", other),
        ("model.embed_tokens.weight", base),
    ):
        assert torch.allclose(result[name], parent[name], atol=1e-6), name


def test_a_sweep_finds_the_best_t(parents: list[Path], tmp_path: Path) -> None:
    manifest = merged(tmp_path / "out", parents[:2], "slerp", t="best", sweep=[0, 0.5, 1])
    sweep = json.loads((tmp_path / "out" / "sweep.json").read_text())
    points = {point["t"]: point["perplexity"] for point in sweep["points"]}
    ends = [manifest["metrics"][f"perplexity_parent_{at}"] for at in (0, 1)]
    assert [points[0.0], points[1.0]] == pytest.approx(ends, rel=1e-5)
    assert sweep["best"] == manifest["metrics"]["best_t"] == min(points, key=lambda t: points[t])
    assert manifest["metrics"]["perplexity"] == pytest.approx(min(points.values()), rel=1e-5)
    assert {"sweep.json", "sweep.png", "model.safetensors"} <= set(manifest["files"])
    assert not (tmp_path / "out" / ".parents").exists()


def test_a_result_that_is_too_bad_is_refused_and_nothing_is_measured_twice(parents: list[Path], tmp_path: Path) -> None:
    folder, strict = tmp_path / "out", {**MEASURED, "at_most": 0.01}
    for _ in range(2):
        with pytest.raises(ResultRefused, match=r"over 0.01 times the .* of its worst parent") as caught:
            merged(folder, parents[:2], "slerp", t=[{"value": 0.5}], sweep=[0.5], perplexity=strict)
        assert "\n" not in caught.value.detail
        names = [json.loads(line)["model"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert names == ["0: model-0", "1: model-1", "t=0.5", "result"]
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize(("policy", "kept"), [("base", True), ("chatml", False)])
def test_the_chat_template_is_that_of_the_base_or_ours(policy: str, kept: bool, tmp_path: Path) -> None:
    other = "{{ messages[0]['content'] }}"
    for number in range(2):
        torch.manual_seed(number)
        model, tokenizer = tiny_model(), tiny_tokenizer(ROOT / "README.md")
        model.model.norm.weight.data += torch.rand(64) / 10
        tokenizer.chat_template = other
        model.save_pretrained(tmp_path / str(number))
        tokenizer.save_pretrained(tmp_path / str(number))
    merged(tmp_path / "out", [tmp_path / "0", tmp_path / "1"], "slerp", t=[{"value": 0.5}], chat_template=policy)
    assert AutoTokenizer.from_pretrained(tmp_path / "out").chat_template == (other if kept else CHATML)


@pytest.mark.parametrize(("policy", "known"), [("base", False), ("union", True)])
def test_the_vocabulary_is_that_of_the_base_or_of_all(
    policy: str, known: bool, parents: list[Path], tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(parents[1])
    tokenizer.add_tokens(["<lamp>"])
    model = tiny_model()
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(tmp_path / "wider")
    tokenizer.save_pretrained(tmp_path / "wider")
    merged(
        tmp_path / "out",
        [parents[0], tmp_path / "wider"],
        "linear",
        tokenizer=policy,
        models=[
            {"source": {"name": str(one), "dtype": "float32"}, "weight": 0.5}
            for one in (parents[0], tmp_path / "wider")
        ],
    )
    result = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert ("<lamp>" in result.get_vocab()) == known
    assert len(weights(tmp_path / "out")["model.embed_tokens.weight"]) >= len(result)
    assert result.convert_tokens_to_ids(END) == AutoTokenizer.from_pretrained(parents[0]).convert_tokens_to_ids(END)
