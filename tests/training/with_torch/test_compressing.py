"""FP8 and AWQ folders. The real compression runs where `make install-compress` was, and needs no GPU for FP8."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from training.carrying_out import carry_out, examine
from training.compressing import compress
from training.errors import SourceError
from training.schema.stages import Compression, ExportRecipe

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]
TEXT = "tests/training/data/ferry_pairs.jsonl"
COMPRESSOR = Path(".venv-compress/bin/python")


def recipe(folder: Path, **compression: Any) -> ExportRecipe:
    tree = {
        "output_dir": folder,
        "model": {"name": "tiny-random", "text": TEXT},
        "dtype": "float32",
        "compression": compression,
    }
    return ExportRecipe.model_validate(tree)


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    findings = examine("export", recipe(tmp_path, formats=["fp8"], python=str(tmp_path / "python")))
    (found,) = [one for one in findings if one.level == "error"]
    assert "make install-compress" in found.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_awq_without_a_gpu_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    rows = {"path": "tests/training/data/ferry_pairs.jsonl"}
    findings = examine("export", recipe(tmp_path, formats=["awq"], calibration=rows, python=sys.executable))
    assert any(one.level == "error" and "AWQ" in one.text for one in findings)
    assert any(one.check == "calibration" and one.level == "ok" for one in findings)


def test_awq_wants_rows_to_calibrate_on(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="awq needs `calibration`"):
        recipe(tmp_path, formats=["awq"])


def test_a_failed_run_is_told_in_its_last_line(tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho 'Traceback' >&2\necho 'ValueError: no such scheme' >&2\nexit 1\n")
    interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
    how = Compression(formats=["fp8"], python=str(interpreter))
    with pytest.raises(SourceError, match=r"^llm-compressor failed for fp8: ValueError: no such scheme$"):
        compress(tmp_path, tmp_path / "fp8", "fp8", how, [], "a probe")


@pytest.mark.skipif(not COMPRESSOR.exists(), reason="make install-compress was not run")
def test_an_fp8_folder_is_half_as_big_and_near_its_source(tmp_path: Path) -> None:
    manifest, made = carry_out("export", recipe(tmp_path / "out", formats=["fp8"]))
    assert made
    assert 0 < manifest["metrics"]["distance_fp8"] < 0.1
    folder = tmp_path / "out" / "fp8"
    assert not (folder / "specification.json").exists()
    stored = load_file(folder / "model.safetensors")
    assert torch.float8_e4m3fn in {tensor.dtype for tensor in stored.values()}
