"""Where models come from: the hub, a folder, a GGUF file, the packaged one, or one made on the spot."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.errors import ConfigurationError
from app.llm.embedded.weights import locate
from training.errors import SourceError
from training.fingerprint import folder_hash, hash_of, text_hash
from training.manifest import MANIFEST, is_unfinished, read_manifest
from training.schema.base import PACKAGED, TINY_RANDOM, ModelSource

ADAPTER_CONFIG = "adapter_config.json"
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
        try:
            return Located("gguf", source, locate(None if source.name == PACKAGED else Path(source.name)))
        except ConfigurationError as error:
            raise SourceError(error.detail) from error
    folder = Path(os.path.expandvars(source.name)).expanduser()
    if folder.is_dir():
        return _in_folder(folder, source)
    if source.name.startswith((".", "/", "~", "$")) or source.name.count("/") > 1:
        raise SourceError(f"there is no folder {folder}: run the stage that makes it, or name another model")
    return Located("hub", source)


def _in_folder(folder: Path, source: ModelSource) -> Located:
    if is_unfinished(folder):
        raise SourceError(f"{folder} is not finished: run its stage again, it goes on from its last checkpoint")
    if (folder / ADAPTER_CONFIG).is_file():
        return Located("adapter", source, folder)
    if not (folder / "config.json").is_file():
        raise SourceError(f"{folder} holds no model: it has neither config.json nor {ADAPTER_CONFIG}")
    return Located("folder", source, folder)


def base_of(adapter: Located) -> ModelSource:
    """The model that an adapter of ours was trained on, with the dtype and attention that `adapter` asks for."""
    assert adapter.path is not None  # noqa: S101
    wanted = {"dtype": adapter.source.dtype, "attention": adapter.source.attention}
    if (adapter.path / MANIFEST).is_file():
        recipe = read_manifest(adapter.path)["recipe"]
        return ModelSource(**{**recipe["model"], **wanted})
    name = json.loads((adapter.path / ADAPTER_CONFIG).read_text()).get("base_model_name_or_path")
    if not name:
        raise SourceError(f"{adapter.path} names no base model")
    return ModelSource(name=name, **wanted)


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
