"""GGUF to OpenVINO, once: loading a GGUF costs 4 to 8 s each time, loading the converted folder 2 to 3 s."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from filelock import FileLock

from app.errors import ConfigurationError
from app.llm.embedded.genai import openvino_genai
from app.llm.embedded.weights import converted_folder

# What the C++ side throws on a file it cannot read or does not know: a damaged header is an IndexError.
_CONVERSION_ERRORS = (RuntimeError, IndexError, ValueError, MemoryError)


def converted(gguf: Path, models_dir: Path) -> Path:
    """The folder with the converted model, made where it is missing. A kill in the middle leaves nothing half."""
    target = converted_folder(gguf, models_dir)
    models_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{target.name}.lock")):
        if target.is_dir():
            return target
        aside = target.with_name(f"{target.name}.partial")
        shutil.rmtree(aside, ignore_errors=True)  # what a killed conversion left: we hold the lock
        aside.mkdir()
        _convert(gguf, aside)
        aside.rename(target)
    return target


def _convert(gguf: Path, folder: Path) -> None:
    # The converter writes beside its input, which may be in site-packages: give it a link in our folder. It opens the
    # file for writing, though it only reads it: where the file is not ours to write, as in a container, it gets a copy.
    given = folder / gguf.name
    if os.access(gguf, os.W_OK):
        given.symlink_to(gguf)
    else:
        shutil.copyfile(gguf, given)
    try:
        openvino_genai.LLMPipeline(given, "CPU", enable_save_ov_model=True)
    except _CONVERSION_ERRORS as error:
        raise ConfigurationError(f"{gguf} cannot be converted: {_last_line(error)}") from error
    given.unlink()
    for file in folder.iterdir():  # on disk before the rename is, so that a power cut leaves nothing half either
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else "unknown reason"
