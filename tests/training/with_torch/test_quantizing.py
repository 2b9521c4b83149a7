"""What QLoRA is given, as far as it can be seen without a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import PartialState

from tests.training.with_torch.training_command import RECIPES, ROOT
from training import trainer_run
from training.carrying_out import carry_out
from training.errors import SourceError
from training.loading import load_model
from training.model_source import find
from training.preflight.divided import check_divided
from training.quantizing import load_quantized, unpacked
from training.recipe import load_recipe
from training.schema.base import ModelSource
from training.schema.lora import Lora

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def trained(stage: str, folder: Path, *settings: str) -> Path:
    carry_out(
        stage,
        load_recipe(stage, RECIPES / f"{stage}.yaml", [f"output_dir={folder}", "optimisation.max_steps=2", *settings]),
    )
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        folder = trained("sft", tmp_path_factory.mktemp("sft") / "out")
    return ModelSource(name=str(folder), dtype="float32")


def test_an_adapter_is_merged_into_a_folder_that_can_be_quantised(adapter: ModelSource, tmp_path: Path) -> None:
    half = tmp_path / ".base"
    half.mkdir()
    (half / "model.safetensors").write_text("what a kill left")
    folder = unpacked(adapter, tmp_path / "base")
    assert find(folder).kind == "folder"
    assert not half.exists()
    expected, found = load_model(adapter).state_dict(), load_model(folder).state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    plain = load_model(ModelSource(name="tiny-random", text=ROOT / "README.md", dtype="float32")).state_dict()
    assert not all(torch.equal(tensor, found[name]) for name, tensor in plain.items())  # the adapter is in it


def test_a_run_that_goes_on_finds_the_folder(adapter: ModelSource, tmp_path: Path) -> None:
    weights = Path(unpacked(adapter, tmp_path / "base").name) / "model.safetensors"
    made = weights.stat().st_mtime_ns
    assert unpacked(adapter, tmp_path / "base").name == str(tmp_path / "base")
    assert weights.stat().st_mtime_ns == made


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_four_bits_are_refused(adapter: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nf4 needs a CUDA device"):
        load_quantized(adapter, tmp_path / "base")


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_device_is_known_before_weights_are_loaded(
    stage: str, adapter: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every process of several loads onto the first GPU, and ZeRO-3 begins to divide weights too late."""
    known: list[bool] = []

    def watched(*given: Any, **named: Any) -> Any:
        known.append(bool(PartialState._shared_state))
        return load_model(*given, **named)

    monkeypatch.setattr(trainer_run, "load_model", watched)
    PartialState._reset_state()
    on_adapter = ["model.text=null", f"model.name={adapter.name}"] if stage == "sft" else [f"model.name={adapter.name}"]
    trained(stage, tmp_path / "out", *on_adapter)
    assert known == [True]


@pytest.mark.parametrize(
    ("lora", "rows", "said"),
    [
        (Lora(quantize="nf4"), 512, "divides no 4-bit weights"),
        (Lora(), 512, "cannot merge the adapter"),
    ],
)
def test_what_zero_3_cannot_do_is_refused(adapter: ModelSource, lora: Lora, rows: int, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        check_divided(find(adapter), lora, rows, 512)


def test_nor_can_it_add_rows() -> None:
    located = find(ModelSource(name="mistralai/Mistral-7B-v0.1"))
    check_divided(located, None, 32_000, 32_000)
    with pytest.raises(SourceError, match="lacks ChatML's tokens"):
        check_divided(located, None, 32_000, 32_002)
