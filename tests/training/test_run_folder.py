from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from training.errors import RunConflict
from training.fingerprint import folder_hash, weights_hash
from training.manifest import is_unfinished
from training.run_folder import RunFolder, claimed

OUTCOME = {"metrics": {"loss": 1.5}, "tokens_per_second": 10.0}


def folder(path: Path, **recipe: object) -> RunFolder:
    return RunFolder(path / "out", {"stage": "sft", "recipe": {"seed": 1, **recipe}, "models": [], "data": {}})


@contextmanager
def begun(run: RunFolder, *, restart: bool = False) -> Iterator[None]:
    with claimed(run, restart=restart):
        run.begin(restart=restart)
        yield


def finished(run: RunFolder, weights: str = "weights") -> None:
    with begun(run):
        (run.staging / "model.safetensors").write_text(weights)
        run.finish(run.inputs["recipe"], OUTCOME)


def test_a_finished_folder_has_the_result_beside_a_manifest(tmp_path: Path) -> None:
    run = folder(tmp_path)
    finished(run)
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert (run.path / "model.safetensors").read_text() == "weights"
    assert not run.staging.exists()
    assert manifest["metrics"] == {"loss": 1.5}
    assert manifest["seed"] == 1
    assert manifest["files"]["model.safetensors"]["bytes"] == len("weights")
    assert manifest["libraries"]["python"]
    assert folder(tmp_path).finished() == manifest


def test_a_folder_is_unfinished_until_its_manifest_is_there(tmp_path: Path) -> None:
    run = folder(tmp_path)
    with begun(run):
        assert is_unfinished(run.path)
        assert run.finished() is None
        run.finish(run.inputs["recipe"], OUTCOME)
        assert not is_unfinished(run.path)


def test_what_a_kill_left_in_staging_is_made_anew_and_checkpoints_are_kept(tmp_path: Path) -> None:
    run = folder(tmp_path)
    with begun(run):
        (run.staging / "half").write_text("x")
        run.checkpoints.mkdir()
    with begun(folder(tmp_path)):
        assert list(run.staging.iterdir()) == []
        assert run.checkpoints.is_dir()


def test_other_inputs_are_refused_by_name_and_discarded_on_restart(tmp_path: Path) -> None:
    finished(folder(tmp_path, lora={"rank": 8}))
    other = folder(tmp_path, lora={"rank": 16})
    with pytest.raises(RunConflict, match=r"other inputs \(lora.rank\): --restart"), claimed(other, restart=False):
        pass
    with begun(other, restart=True):
        assert not (other.path / "model.safetensors").exists()
        assert other.finished() is None


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.path.mkdir()
    (run.path / "thesis.txt").write_text("mine")
    (run.path / ".notes").write_text("mine")
    for restart in (False, True):
        with pytest.raises(RunConflict, match="something else: thesis"), claimed(run, restart=restart):
            pass
    assert (run.path / "thesis.txt").read_text() == "mine"
    (run.path / "thesis.txt").unlink()
    with begun(run, restart=True):
        assert (run.path / ".notes").read_text() == "mine"


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.path.mkdir()
    with FileLock(run.path / ".lock"), pytest.raises(RunConflict, match="is in use"), claimed(run, restart=False):
        pass


def test_only_the_first_of_several_processes_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    run = folder(tmp_path)
    with begun(run, restart=True):
        assert not run.path.exists()


def test_a_claim_alone_leaves_everything_as_it_is(tmp_path: Path) -> None:
    run = folder(tmp_path)
    with claimed(run, restart=False):
        assert [one.name for one in run.path.iterdir()] == [".lock"]
    finished(run)
    files = sorted(one.name for one in run.path.iterdir())
    with claimed(folder(tmp_path, lora={"rank": 8}), restart=True):
        assert sorted(one.name for one in run.path.iterdir()) == files


def test_a_restart_keeps_what_was_paid_for(tmp_path: Path) -> None:
    paid_for = ["answers", "cache", "judge"]
    run = folder(tmp_path)
    with begun(run):
        for name in (*paid_for, "corpus", "checkpoints"):
            (run.path / name).mkdir()
            (run.path / name / "file").write_text(name)
        (run.path / "ledger.jsonl").write_text("{}")
    other = folder(tmp_path, lora={"rank": 8})
    with begun(other, restart=True):
        left = sorted(one.name for one in run.path.iterdir() if not one.name.startswith("."))
        assert left == sorted([*paid_for, "inputs.json", "ledger.jsonl"])
        assert all((run.path / name / "file").read_text() == name for name in paid_for)
        assert json.loads((run.path / "inputs.json").read_text()) == other.inputs
    with begun(folder(tmp_path, lora={"rank": 8})):
        pass


def test_hashes_of_large_files_see_a_change_anywhere_that_training_makes(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    size = 65 * 2**20
    file.write_bytes(bytes(size))
    before = weights_hash(file)
    file.write_bytes(bytes(size - 1) + b"\1")
    at_the_end = weights_hash(file)
    file.write_bytes(bytes(size + 1))
    assert len({before, at_the_end, weights_hash(file)}) == 3


def test_a_folders_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("1")
    first = folder_hash(tmp_path, "*.json")
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    assert folder_hash(tmp_path, "*.json") != first
    assert folder_hash(tmp_path, "*.json", leave=("b.json",)) == folder_hash(tmp_path, "*.none")
