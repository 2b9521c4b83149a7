"""The built files: what they weigh, that they are those of the sources, and whose work is in them."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.playing import STATIC

ROOT = STATIC.parent
MODULES = ROOT / "node_modules"


def test_the_widget_weighs_15_kilobytes_at_most() -> None:
    assert len(gzip.compress((STATIC / "widget.js").read_bytes(), 9)) <= 15_000


@pytest.mark.browser
@pytest.mark.skipif(
    not (MODULES / "esbuild").is_dir() or not shutil.which("node"), reason="not installed (make widget)"
)
def test_the_built_files_are_those_of_the_sources(tmp_path: Path) -> None:
    subprocess.run(["node", STATIC / "widget" / "build.js", tmp_path], check=True, cwd=ROOT, timeout=60)
    built = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert built.keys() == {"widget.js", "widget-highlight.js"}
    for name, content in built.items():
        assert content == (STATIC / name).read_bytes(), f"{name} is not what its sources make: make widget"


def test_the_highlighters_licence_is_in_its_file_and_in_the_notice() -> None:
    built = (STATIC / "widget-highlight.js").read_text(encoding="utf-8")
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["highlight.js"]
    assert built.startswith(f"/*! highlight.js {version}\nBSD 3-Clause License")
    licence = built[built.index("BSD 3-Clause License") : built.index("*/")].split()
    assert licence == notice[notice.index("BSD 3-Clause License") :].split()
    assert f"highlight.js {version}" in notice


def test_the_widget_writes_no_html_and_runs_no_text() -> None:
    sinks = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "srcdoc",
    )
    for file in [STATIC / "widget.js", *(STATIC / "widget").glob("*.js")]:
        source = file.read_text(encoding="utf-8")
        assert [sink for sink in sinks if sink in source] == [], file.name
