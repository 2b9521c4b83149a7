from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from tests.training.with_torch.training_command import RECIPES, ROOT, arguments, docent_train, environment, killed, made
from training.carrying_out import examine
from training.recipe import load_recipe
from training.tiny import tiny_config

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]

SFT = ["sft", "--recipe", str(RECIPES / "sft.yaml")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("sft") / "out"
    return folder, made(*SFT, "--set", f"output_dir={folder}")


def test_a_run_leaves_an_adapter_with_manifest_metrics_and_curve(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    manifest = json.loads((folder / "manifest.json").read_text())
    assert result["made"] is True
    assert result["manifest"] == manifest
    assert manifest["metrics"]["held_out_loss"] < manifest["metrics"]["held_out_loss_before"] - 0.1
    all_tokens = [manifest["metrics"][f"held_out_loss_all_tokens_{when}"] for when in ("before", "after")]
    assert all_tokens[1] < all_tokens[0] - 0.1
    assert manifest["metrics"]["held_out_loss"] not in all_tokens
    assert manifest["metrics"]["steps"] == 12
    assert manifest["tokens_per_second"] > 0
    assert manifest["peak_memory_bytes"]["process"] > 10**8
    assert manifest["recipe"]["optimisation"]["schedule"] == "cosine"
    assert manifest["data"]["tests/training/data/pairs.jsonl"]
    assert {"adapter_model.safetensors", "tokenizer.json", "loss.png"} <= set(manifest["files"])
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "tensorboard").iterdir())
    losses = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in losses if "eval_loss" in row] == [0, 4, 8, 12]


def test_a_finished_run_is_not_made_again(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    again = made(*SFT, "--set", f"output_dir={folder}")
    assert again["made"] is False
    assert again["manifest"] == result["manifest"]


def test_another_recipe_does_not_overwrite_it(trained: tuple[Path, dict[str, Any]]) -> None:
    done = docent_train(*SFT, "--set", f"output_dir={trained[0]}", "--set", "seed=9")
    assert done.returncode == 1
    assert "holds the work of other inputs (seed)" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_goes_on_from_an_adapter(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    more = ["--set", "model.text=null", "--set", f"model.name={trained[0]}"]
    result = made(*SFT, "--set", f"output_dir={tmp_path / 'more'}", *more)
    before = result["manifest"]["metrics"]["held_out_loss_before"]
    assert before == pytest.approx(trained[1]["manifest"]["metrics"]["held_out_loss"], abs=1e-4)


def test_killed_in_the_middle_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    longer = ["optimisation.max_steps=100", "optimisation.save_steps=5", "optimisation.eval_steps=25"]
    options = [word for setting in longer for word in ("--set", setting)]
    folder = tmp_path / "killed"
    command = arguments(*SFT, *options, "--set", f"output_dir={folder}")
    killed(command, folder, "checkpoints/checkpoint-[1-9][0-9]")
    half = folder / "checkpoints" / "checkpoint-99"  # as a kill in the middle of a save leaves one
    half.mkdir()
    (half / "adapter_config.json").write_text("{")

    unfinished = docent_train(*SFT, "--set", "model.text=null", "--set", f"model.name={folder}")
    assert "is not finished: run its stage again" in unfinished.stderr
    resumed = made(*SFT, *options, "--set", f"output_dir={folder}")["manifest"]["metrics"]
    straight = made(*SFT, *options, "--set", f"output_dir={tmp_path / 'straight'}")["manifest"]["metrics"]
    assert 5 <= resumed["resumed_from_step"] < 99
    assert resumed["steps"] == straight["steps"] == 100
    assert resumed["held_out_loss"] == pytest.approx(straight["held_out_loss"], abs=1e-5)
    assert resumed["held_out_loss_before"] == straight["held_out_loss_before"]


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = [*SFT, "--set", f"output_dir={tmp_path / 'ddp'}", "--json"]
    done = subprocess.run(
        [*launcher, "-m", "training", *words], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)["manifest"]
    assert manifest["processes"] == 2
    assert manifest["metrics"]["epochs"] == 3  # twice the rows a step
    assert manifest["metrics"]["held_out_loss"] < manifest["metrics"]["held_out_loss_before"] - 0.1


def test_a_dry_run_says_what_would_break_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "dry"
    settings = ["lora.rank=256", "lora.alpha=512", "lora.rslora=true", "packing=true", f"output_dir={folder}"]
    done = docent_train(*SFT, "--dry-run", "--json", *[word for one in settings for word in ("--set", one)])
    found = {one["check"]: one["level"] for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 3
    assert (found["lora scale"], found["packing"], found["disk"]) == ("error", "error", "ok")
    assert not folder.exists()
    assert docent_train(*SFT, "--dry-run").returncode == 0


def findings(folder: Path, *settings: str) -> dict[str, tuple[str, str]]:
    """Level and text of what preflight says, by check."""
    at_root = [f"data.train.path={ROOT / 'tests/training/data/pairs.jsonl'}", f"output_dir={folder}"]
    text = f"model.text={ROOT / 'tests/training/data/tokenizer_text.md'}"
    recipe = load_recipe("sft", RECIPES / "sft.yaml", [*at_root, text, *settings])
    return {one.check: (one.level, one.text) for one in examine("sft", recipe)}


@pytest.mark.parametrize(
    ("setting", "check", "said"),
    [
        ("lora.target=[q_proj, query]", "lora layers", "no layer query; it has down_proj, embed_tokens, gate_proj"),
        ("lora.modules_to_save=[head]", "lora layers", "no layer head"),
        ("lora.quantize=nf4", "equipment", "lora.quantize: nf4 needs"),
        ("model.attention=flash_attention_2", "equipment", "model.attention: flash_attention_2 needs"),
        ("optimisation.max_length=16", "prompts", "every prompt fills max_length 16"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU other things are missing, or none")
def test_a_dry_run_names_what_would_break_and_checks_the_rest(
    tmp_path: Path, setting: str, check: str, said: str
) -> None:
    found = findings(tmp_path, setting)
    assert found[check][0] == "error"
    assert said in found[check][1]
    assert {"rows", "lengths", "memory", "time", "disk"} <= set(found)


def test_an_adapter_that_vllm_does_not_load_is_told(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    base = without_chatml(tmp_path / "base", tied=True)
    rows = findings(tmp_path / "rows", "model.text=null", f"model.name={base}")["serving"]
    assert rows[0] == "warning"
    assert "rows of new tokens (<|im_start|>, <|im_end|>)" in rows[1]
    on_adapter = findings(tmp_path / "more", "model.text=null", f"model.name={trained[0]}")["serving"]
    assert on_adapter[0] == "warning"
    assert "another adapter was merged" in on_adapter[1]


def test_an_adapter_whose_weights_are_cut_off_is_told(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained[0], tmp_path / "copy"))
    weights = copy / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    level, text = findings(tmp_path / "out", "model.text=null", f"model.name={copy}")["source"]
    assert level == "error"
    assert "adapter_model.safetensors is cut off" in text


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_without_chatml_learns_its_tokens(tmp_path: Path, tied: bool) -> None:
    """As Mistral is: the two tokens are new to it, and their rows are trained beside the adapter."""
    base = without_chatml(tmp_path / "base", tied=tied)
    plain = ["--set", "model.text=null", "--set", f"model.name={base}", "--set", "optimisation.max_steps=4"]
    result = made(*SFT, "--set", f"output_dir={tmp_path / 'out'}", *plain)
    metrics = result["manifest"]["metrics"]
    assert metrics["held_out_loss"] < metrics["held_out_loss_before"]
    exported = ["export", "--recipe", str(RECIPES / "export.yaml"), "--set", "model.text=null", "--set", "gguf=[]"]
    done = made(*exported, "--set", f"model.name={tmp_path / 'out'}", "--set", f"output_dir={tmp_path / 'export'}")
    assert done["made"] is True


def without_chatml(folder: Path, *, tied: bool) -> Path:
    """The tiny model with a tokenizer that spells ChatML's tokens in pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["Ferry copies folders from one machine to another."], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")  # noqa: S106
    fast.save_pretrained(folder)
    config = tiny_config(len(fast))
    config.tie_word_embeddings = tied
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
