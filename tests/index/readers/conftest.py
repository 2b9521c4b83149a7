from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.index.readers import SourceFile, read_sections, scan
from app.index.section import Section

Read = Callable[..., list[Section]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a file and gives its sections."""

    def read_file(name: str, content: str | bytes, base_url: str = "https://docs.example.org") -> list[Section]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        (file,) = [each for each in scan(path, 5_000_000) if isinstance(each, SourceFile)]
        return read_sections(SourceFile(name, file.absolute, file.content_hash), base_url)

    return read_file
