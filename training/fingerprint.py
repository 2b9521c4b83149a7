"""Hashes of what a stage was made from, so that an equal stage is not run again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from training.errors import SourceError

_WHOLE = 64 * 2**20  # bytes; larger files are sampled: hashing 15 GB of weights takes minutes, reading samples none
_SAMPLES = 64
_SAMPLE = 2**16


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def json_hash(value: Any) -> str:  # noqa: ANN401  (whatever JSON knows)
    return text_hash(json.dumps(value, sort_keys=True, ensure_ascii=False))


def hash_of(path: Path) -> str:
    """sha256 of the whole file. Raises SourceError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def weights_hash(path: Path) -> str:
    """sha256 of the size and, beyond 64 MiB, of 64 samples spread over the file.

    Training changes every tensor, so that samples tell two trained files apart; they do not prove a file undamaged.
    """
    size = path.stat().st_size
    if size <= _WHOLE:
        return hash_of(path)
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def folder_hash(folder: Path, *patterns: str, leave: tuple[str, ...] = ()) -> str:
    """One hash of the names and contents of the files directly in `folder` that match."""
    files = sorted({file for pattern in patterns for file in folder.glob(pattern) if file.name not in leave})
    return json_hash([[file.name, weights_hash(file)] for file in files])


def data_hash(path: Path) -> str:
    """Of a file, or of a folder with everything below it."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return json_hash([[file.relative_to(path).as_posix(), hash_of(file)] for file in files])
    return hash_of(path)
