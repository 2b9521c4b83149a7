"""The lists that `make` installs from hold on the oldest Python that the project names."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
OLDEST = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]


@pytest.mark.parametrize("name", ["serve", "models", "test"])
def test_every_package_takes_the_oldest_python(name: str) -> None:
    assert OLDEST.startswith(">=")
    refused = []
    for line in (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith(("#", "-")):
            continue
        package = Requirement(line).name
        wants = str(importlib.metadata.metadata(package).json.get("requires_python", ""))
        if not SpecifierSet(wants).contains(f"{OLDEST.removeprefix('>=')}.0"):
            refused.append(f"{package}: {wants}")
    assert not refused
