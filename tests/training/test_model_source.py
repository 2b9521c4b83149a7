from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.errors import SourceError
from training.model_source import base_of, find, identity
from training.schema.base import ModelSource
from training.weight_files import check_weight_files

WHOLE = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def safetensors(file: Path, header: object = WHOLE, data: bytes = b"\0" * 8) -> Path:
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return file


def model_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    safetensors(folder / "model.safetensors")
    return folder


def adapter_folder(folder: Path, settings: str, manifest: str | None = None) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(settings)
    safetensors(folder / "adapter_model.safetensors")
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    return folder


def source(folder: Path) -> ModelSource:
    return ModelSource(name=str(folder))


def test_what_a_folder_is_does_not_hang_on_its_readme(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    before = identity(source(folder))
    (folder / "README.md").write_text("A card.")
    assert identity(source(folder)) == before
    safetensors(folder / "model.safetensors", data=b"\1" * 8)
    assert identity(source(folder)) != before


def test_a_gguf_path_of_a_recipe_is_no_matter_of_the_service(tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    for path, said in ((text, "is not a GGUF file"), (tmp_path / "none.gguf", "there is no file")):
        with pytest.raises(SourceError, match=said) as caught:
            find(source(path))
        assert caught.value.detail.endswith(": name a GGUF file as the model")


def test_whole_files_pass(tmp_path: Path) -> None:
    check_weight_files(model_folder(tmp_path / "model"))
    check_weight_files(adapter_folder(tmp_path / "adapter", "{}"))


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        (WHOLE, b"\0" * 7, "model.safetensors is cut off: "),
        ([], b"\0" * 8, "model.safetensors is damaged"),
        ({"w": {"shape": [2]}}, b"\0" * 8, "model.safetensors is damaged"),
    ],
)
def test_a_file_that_is_cut_off_is_told(tmp_path: Path, header: object, data: bytes, said: str) -> None:
    folder = model_folder(tmp_path / "model")
    safetensors(folder / "model.safetensors", header, data)
    with pytest.raises(SourceError, match=said):
        check_weight_files(folder)


@pytest.mark.parametrize("length", [0, 5, 20])
def test_so_is_one_without_its_header(tmp_path: Path, length: int) -> None:
    folder = model_folder(tmp_path / "model")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(SourceError, match="its header cannot be read; copy it again"):
        check_weight_files(folder)


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    model, adapter = model_folder(tmp_path / "model"), adapter_folder(tmp_path / "adapter", "{}")
    (model / "model.safetensors").unlink()
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(SourceError, match=r"config\.json and no weights"):
        check_weight_files(model)
    with pytest.raises(SourceError, match=r"adapter_config\.json and no adapter_model\.safetensors"):
        check_weight_files(adapter)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    shards = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(SourceError, match=r"lacks model-00002-of-00002\.safetensors"):
        check_weight_files(folder)


def test_the_base_of_an_adapter(tmp_path: Path) -> None:
    ours = adapter_folder(tmp_path / "ours", "{}", json.dumps({"recipe": {"model": {"name": "some/base"}}}))
    other = adapter_folder(tmp_path / "other", '{"peft_type": "LORA", "base_model_name_or_path": "other/base"}')
    assert base_of(find(source(ours))).name == "some/base"
    assert base_of(find(source(other))).name == "other/base"


@pytest.mark.parametrize(
    ("settings", "manifest", "said"),
    [
        ('{"peft_type":', None, "adapter_config.json is damaged"),
        ("[]", None, "adapter_config.json is damaged (no JSON object)"),
        ("{}", None, "is not that of a LoRA adapter"),
        ('{"peft_type": "LORA", "base_model_name_or_path": ""}', None, "is not that of a LoRA adapter"),
        ("{}", "{}", "manifest.json names no recipe with a model"),
        ("{}", '{"recipe": {"docs": "x"}}', "manifest.json names no recipe with a model"),
        ("{}", '{"recipe": {"model": {"size": 7}}}', "manifest.json names no recipe with a model"),
        ("{}", "{", "manifest.json is damaged"),
    ],
)
def test_an_adapter_whose_base_is_not_known_is_told(
    tmp_path: Path, settings: str, manifest: str | None, said: str
) -> None:
    located = find(source(adapter_folder(tmp_path / "adapter", settings, manifest)))
    with pytest.raises(SourceError) as caught:
        base_of(located)
    assert said in caught.value.detail
    assert "\n" not in caught.value.detail
