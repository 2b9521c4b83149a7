"""Where models come from: the hub, a folder, a GGUF file, the packaged one, or one made on the spot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from app.errors import ConfigurationError
from app.llm.embedded.weights import locate
from training.errors import SourceError, SourceMissing
from training.fingerprint import folder_hash, hash_of, text_hash
from training.manifest import MANIFEST, is_unfinished, read_manifest
from training.schema.base import PACKAGED, TINY_RANDOM, ModelSource
from training.weight_files import ADAPTER_CONFIG, read_json_object

Kind = Literal["tiny", "gguf", "folder", "adapter", "hub"]


@dataclass(frozen=True, slots=True)
class Located:
    """A source that was found. path: the GGUF file, folder, or the tiny tokenizer's text; None for the hub."""

    kind: Kind
    source: ModelSource
    path: Path | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What transformers' `from_pretrained` wants, the name among them."""
        if self.kind == "hub":
            return {"pretrained_model_name_or_path": self.source.name, "revision": self.source.revision}
        assert self.path is not None  # noqa: S101  (only the hub has none)
        if self.kind == "gguf":
            return {"pretrained_model_name_or_path": str(self.path.parent), "gguf_file": self.path.name}
        return {"pretrained_model_name_or_path": str(self.path)}


def find(source: ModelSource) -> Located:
    """Look where `source` points, without loading weights. Raises SourceError with what to do."""
    if source.name == TINY_RANDOM:
        return Located("tiny", source, source.text)
    if source.name == PACKAGED or source.name.endswith(".gguf"):
        file = _file_of(source)
        if file is not None and not file.exists():
            raise SourceMissing(file, f"there is no file {file}: name a GGUF file as the model")
        try:
            return Located("gguf", source, locate(file, "name a GGUF file as the model"))
        except ConfigurationError as error:
            raise SourceError(error.detail) from error
    folder = Path(os.path.expandvars(source.name)).expanduser()
    if folder.is_dir():
        return _in_folder(folder, source)
    if source.name.startswith((".", "/", "~", "$")) or source.name.count("/") > 1:
        raise SourceMissing(folder, f"there is no folder {folder}: run the stage that makes it, or name another model")
    return Located("hub", source)


def _file_of(source: ModelSource) -> Path | None:
    """None: the packaged one."""
    return None if source.name == PACKAGED else Path(os.path.expandvars(source.name))


def _in_folder(folder: Path, source: ModelSource) -> Located:
    if is_unfinished(folder):
        raise SourceError(f"{folder} is not finished: run its stage again, it goes on from its last checkpoint")
    if (folder / ADAPTER_CONFIG).is_file():
        return Located("adapter", source, folder)
    if not (folder / "config.json").is_file():
        raise SourceError(f"{folder} holds no model: it has neither config.json nor {ADAPTER_CONFIG}")
    return Located("folder", source, folder)


def base_of(adapter: Located) -> ModelSource:
    """The model that an adapter was trained on, with the dtype and attention that `adapter` asks for.

    Of ours the manifest names it: adapter_config.json does not know of an adapter below this one. Raises SourceError
    where a file is damaged or names none.
    """
    assert adapter.path is not None  # noqa: S101
    wanted = {"dtype": adapter.source.dtype, "attention": adapter.source.attention}
    if (adapter.path / MANIFEST).is_file():
        return _base_in_manifest(adapter.path, wanted)
    settings = read_json_object(adapter.path / ADAPTER_CONFIG)
    name = settings.get("base_model_name_or_path")
    if settings.get("peft_type") != "LORA" or not isinstance(name, str) or not name:
        raise SourceError(f"{adapter.path / ADAPTER_CONFIG} is not that of a LoRA adapter with its base model's name")
    return ModelSource(name=name, **wanted)


def _base_in_manifest(folder: Path, wanted: Mapping[str, str]) -> ModelSource:
    recipe = read_manifest(folder).get("recipe")
    model = recipe.get("model") if isinstance(recipe, dict) else None
    try:
        return ModelSource.model_validate({**(model or {}), **wanted})
    except (TypeError, ValidationError) as error:
        text = "names no recipe with a model, so that the adapter's base is not known: make the adapter again"
        raise SourceError(f"{folder / MANIFEST} {text}") from error


def identity(source: ModelSource) -> str:
    """A text that changes when the weights do: hashes of files, or the hub's name and revision."""
    located = find(source)
    if located.kind == "tiny":
        assert located.path is not None  # noqa: S101
        return f"tiny-random:{hash_of(located.path)}"
    if located.kind == "gguf":
        assert located.path is not None  # noqa: S101
        return f"gguf:{hash_of(located.path)}"
    if located.kind == "hub":
        return f"hub:{source.name}@{source.revision or 'main'}"
    assert located.path is not None  # noqa: S101
    own = folder_hash(located.path, "*.safetensors", "*.json", "*.jinja", leave=(MANIFEST, "inputs.json"))
    return f"adapter:{text_hash(identity(base_of(located)) + own)}" if located.kind == "adapter" else f"folder:{own}"
