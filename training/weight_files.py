"""Whether the files of a model's folder are there and whole, without loading a weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.errors import SourceError

ADAPTER_CONFIG = "adapter_config.json"
_INDEX = "model.safetensors.index.json"
_ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_LENGTH = 8  # bytes at the beginning of a safetensors file: how long its header is


def check_weight_files(folder: Path) -> None:
    """Raises SourceError where a folder has no weights, or a safetensors file lacks a part of them."""
    files = sorted(folder.glob("*.safetensors"))
    if (folder / ADAPTER_CONFIG).is_file():
        if not any((folder / name).is_file() for name in _ADAPTER_WEIGHTS):
            raise SourceError(f"{folder} has {ADAPTER_CONFIG} and no {_ADAPTER_WEIGHTS[0]}: copy it again with weights")
    elif not files and not any(folder.glob("*.bin")):
        raise SourceError(f"{folder} has config.json and no weights: copy it again with its *.safetensors files")
    if (folder / _INDEX).is_file():
        named = read_json_object(folder / _INDEX).get("weight_map")
        missing = set(named.values()) - {file.name for file in files} if isinstance(named, dict) else set()
        if missing:
            raise SourceError(f"{folder} lacks {min(missing)}, which {_INDEX} names: copy it again")
    for file in files:
        _check_whole(file)


def _check_whole(file: Path) -> None:
    """A header says where its last tensor ends: a copy that was cut off ends before."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH), "little")
        header = stream.read(length) if length <= size else b""
    try:
        tensors = [one for name, one in json.loads(header).items() if name != "__metadata__"]
        whole = _LENGTH + length + max((one["data_offsets"][1] for one in tensors), default=0)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{file} is damaged: its header cannot be read; copy it again") from error
    if size < whole:
        raise SourceError(f"{file} is cut off: {size:,} of {whole:,} bytes; copy it again")


def read_json_object(path: Path) -> dict[str, Any]:
    """Raises SourceError where the file is no JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} is damaged ({error}): make or copy its folder again") from error
    if not isinstance(value, dict):
        raise SourceError(f"{path} is damaged (no JSON object): make or copy its folder again")
    return value
