"""The tables of docs/benchmarks.md are filled from what was measured, and the words around them are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.checkpoints import parts
from bench.checkpoints_page import write_page
from training.errors import SourceError

FORGETTING = {
    "results": {
        "base": {"tasks": {"knowledge": {"mean": 0.5}}, "perplexity": 20.126},
        "ours": {"tasks": {"knowledge": {"mean": 0.25}}, "perplexity": 21.0},
    }
}
PAGE = "# Benchmarks\n\nBefore.\n\n<!-- figures: forgetting -->\nold\n<!-- end of figures -->\n\nAfter.\n"


def measured(folder: Path, name: str, results: object) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "results.json").write_text(json.dumps(results), encoding="utf-8")


def test_figures_stand_between_their_marks(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text(PAGE, encoding="utf-8")
    measured(tmp_path / "out", "forgetting", FORGETTING)
    write_page(tmp_path / "out", tmp_path)
    written = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "| base | 0.500 | 20.13 |" in written
    assert "old" not in written
    assert written.startswith("# Benchmarks\n\nBefore.\n")
    assert written.endswith("<!-- end of figures -->\n\nAfter.\n")
    write_page(tmp_path / "out", tmp_path)
    assert (tmp_path / "benchmarks.md").read_text(encoding="utf-8") == written


def test_figures_that_were_not_measured_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text(PAGE, encoding="utf-8")
    with pytest.raises(SourceError, match=r"bench\.checkpoints --only forgetting"):
        write_page(tmp_path / "out", tmp_path)


def test_figures_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text(PAGE.replace("forgetting", "foresight"), encoding="utf-8")
    with pytest.raises(SourceError, match="no figures foresight"):
        write_page(tmp_path / "out", tmp_path)


def test_checkpoints_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "export-base").mkdir()
    (tmp_path / "export-base" / "manifest.json").write_text("{}", encoding="utf-8")
    by_folder = {part.folder: " ".join(part.words) for part in parts(tmp_path / "nitro", tmp_path)}
    assert f"--models base={tmp_path}/export-base/model-q8_0.gguf" in by_folder["answers"]
    assert "raft=" not in by_folder["answers"]
