"""`manifest.json`: what a folder was made from, by what, and how it went. It is written last."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import tempfile
from pathlib import Path
from typing import Any

from training.weight_files import read_json_object

MANIFEST = "manifest.json"
INPUTS = "inputs.json"  # written after preflight: a folder with it and without a manifest is unfinished
_LIBRARIES = (
    *("torch", "transformers", "trl", "peft", "datasets", "accelerate", "mergekit", "gguf", "tokenizers"),
    *("numpy", "onnxruntime", "fastembed", "qdrant-edge-py", "datasketch", "openvino-genai", "docent"),
)


def library_versions() -> dict[str, str]:
    """Of Python and of the libraries that can change a result, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak_memory_bytes() -> dict[str, int]:
    """Of this process since it began; a stage on a GPU adds the GPU's."""
    return {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  (whatever JSON knows)
    """All of it or nothing, also across a power cut."""
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(aside).chmod(0o644)  # mkstemp lets nobody else read, but a served model is read by another user
    Path(aside).replace(path)


def is_unfinished(folder: Path) -> bool:
    return (folder / INPUTS).is_file() and not (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises SourceError where there is none that can be read."""
    return read_json_object(folder / MANIFEST)
