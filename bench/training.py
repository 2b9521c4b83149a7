"""Speed of `docent-train sft` beside a bare trl script on the same rows: `python -m bench.training`.

It wants the environment of training (`make install-train`). Each arm is a process of its own; the arms take turns, and
each is compared with the first one of its round. An arm is `bare` or `docent`, with settings after a colon:

    python -m bench.training --arms bare "bare:bf16=false gradient_checkpointing=false" docent

Tokens are those of the rows, padding left out; time is that of the steps, with loading and logging between them. On a
machine that does other work, look at the seconds of processor time: they grow less than the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from transformers import Trainer

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "training" / "recipes" / "smollm2-135m" / "sft.yaml"
ARMS = ["bare", "bare:bf16=false gradient_checkpointing=false", "docent"]
_QUIET = {"TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}
_RANK, _ALPHA, _DROPOUT, _RATE = 256, 512, 0.0, 2e-4


def bare_trainer(rows: Path, settings: dict[str, Any], folder: Path, batch: int, length: int) -> Trainer:
    """What a user writes who has read trl's first page. Only model and template come by our functions."""
    import datasets  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from peft import LoraConfig  # noqa: PLC0415
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415

    from training.chat_template import use_chatml  # noqa: PLC0415
    from training.loading import load_model, load_tokenizer  # noqa: PLC0415
    from training.schema.base import ModelSource  # noqa: PLC0415

    source = ModelSource(name="packaged", dtype="float32")
    model, tokenizer = load_model(source), load_tokenizer(source)  # there may be no hub to take them from
    use_chatml(tokenizer)  # the same tokens as in the other arm
    pairs = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    chats = [
        {"messages": [{"role": "user", "content": one["question"]}, {"role": "assistant", "content": one["answer"]}]}
        for one in pairs
    ]
    options: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "per_device_train_batch_size": batch,
        "learning_rate": _RATE,
        "lr_scheduler_type": "cosine",
        "max_length": length,
        "use_cpu": not torch.cuda.is_available(),
        "report_to": "none",
        "disable_tqdm": True,
        "include_num_input_tokens_seen": "non_padding",
    }
    return SFTTrainer(
        model=model,
        args=SFTConfig(**(options | settings)),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            task_type="CAUSAL_LM", r=_RANK, lora_alpha=_ALPHA, lora_dropout=_DROPOUT, target_modules="all-linear"
        ),
    )


def docent_trainer(rows: Path, settings: dict[str, Any], folder: Path, batch: int, length: int) -> Trainer:
    """The trainer of `docent-train sft`, by the recipe of this model."""
    from training.recipe import load_recipe  # noqa: PLC0415
    from training.rows import sft_chats  # noqa: PLC0415
    from training.run_folder import RunFolder  # noqa: PLC0415
    from training.schema.stages import SftRecipe  # noqa: PLC0415
    from training.sft import sft_trainer  # noqa: PLC0415
    from training.trainer_run import Watch  # noqa: PLC0415

    given: dict[str, Any] = {
        "output_dir": folder,
        "data.train.path": rows,
        "data.held_out_rows": 0,
        "data.held_out.path": rows,
        "lora.rank": _RANK,
        "lora.alpha": _ALPHA,
        "lora.dropout": _DROPOUT,
        "optimisation.learning_rate": _RATE,
        "optimisation.batch_size": batch,
        "optimisation.max_length": length,
        "optimisation.eval_steps": 10_000,
        "optimisation.save_steps": 10_000,
    }
    recipe = load_recipe("sft", RECIPE, [f"{key}={value}" for key, value in (given | settings).items()])
    assert isinstance(recipe, SftRecipe)  # noqa: S101
    train, held_out = sft_chats(recipe.data, recipe.seed)
    return sft_trainer(recipe, Watch(RunFolder(folder, {}), "SFT", 0), train, held_out)


def run_arm(arm: str, rows: Path, batch: int, length: int) -> dict[str, float]:
    """One pass over the rows, in this process."""
    name, _, text = arm.partition(":")
    settings = {key: yaml.safe_load(value) for key, _, value in (one.partition("=") for one in text.split())}
    make = {"bare": bare_trainer, "docent": docent_trainer}[name]
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        trainer = make(rows, settings, Path(folder), batch, length)
        meter = _meter()
        trainer.add_callback(meter)
        _warm(trainer)
        trainer.train()
        tokens = int(trainer.state.num_input_tokens_seen)
    return {
        "tokens": tokens,
        "seconds": round(meter.seconds, 2),
        "cpu_seconds": round(meter.cpu_seconds, 2),
        "tokens_per_second": tokens / meter.seconds,
        "tokens_per_cpu_second": tokens / meter.cpu_seconds,
    }


def _meter() -> Any:  # noqa: ANN401
    from transformers import TrainerCallback  # noqa: PLC0415

    class Meter(TrainerCallback):
        """From the beginning of the first step to the end of the last: the checkpoint after it is not counted."""

        seconds = cpu_seconds = 0.0

        def on_train_begin(self, *_: object, **__: object) -> None:
            self._began = time.perf_counter(), time.process_time()

        def on_step_end(self, *_: object, **__: object) -> None:
            self.seconds = time.perf_counter() - self._began[0]
            self.cpu_seconds = time.process_time() - self._began[1]

    return Meter()


def _warm(trainer: Trainer) -> None:
    """One pass over a few tokens: what is made at the first one is not training."""
    import torch  # noqa: PLC0415

    ids = torch.arange(32).unsqueeze(0)
    trainer.model.train()
    with trainer.compute_loss_context_manager():
        trainer.model(input_ids=ids, labels=ids).loss.backward()
    trainer.model.zero_grad()


def compare(arms: Sequence[str], rounds: int, rows: Path, batch: int, length: int) -> dict[str, Any]:
    """tokens_per_second of each arm and round; ratio to the first arm, as quartiles over the rounds."""
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    for turn in range(rounds):
        for arm in arms if turn % 2 == 0 else arms[::-1]:
            print(f"round {turn + 1} of {rounds}: {arm} ...", file=sys.stderr)
            words = ["--one", arm, "--rows", str(rows), "--batch", str(batch), "--length", str(length)]
            done = subprocess.run(
                [sys.executable, "-m", "bench.training", *words],
                cwd=ROOT,
                env=os.environ | _QUIET,
                stdout=subprocess.PIPE,
                check=True,
            )
            found[arm].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"  {json.dumps(found[arm][-1])}", file=sys.stderr)
    return {
        arm: {
            "runs": each,
            "ratio_quartiles": _ratios(each, found[arms[0]], "tokens_per_second"),
            "cpu_ratio_quartiles": _ratios(each, found[arms[0]], "tokens_per_cpu_second"),
        }
        for arm, each in found.items()
    }


def _ratios(runs: Sequence[Mapping[str, float]], first: Sequence[Mapping[str, float]], key: str) -> list[float]:
    """Quartiles, over the rounds, of the ratio to the first arm."""
    return [round(one, 3) for one in _quartiles([a[key] / b[key] for a, b in zip(runs, first, strict=True)])]


def _quartiles(values: Sequence[float]) -> list[float]:
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3


def first_rows(source: Path, count: int, target: Path) -> None:
    """The first rows of question and answer, as JSONL."""
    from training.rows import read_rows  # noqa: PLC0415
    from training.schema.data import Rows  # noqa: PLC0415

    pairs = read_rows(Rows(path=str(source), limit=count))
    lines = [json.dumps({key: row[key] for key in ("question", "answer")}) for row in pairs]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.training")
    nitro = os.environ.get("NITRO")
    parser.add_argument("--rows", type=Path, default=Path(nitro, "qa_pairs.csv") if nitro else None)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", default=ARMS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows is None:
        parser.error("--rows: a CSV or JSONL file with question and answer (or set NITRO)")
    if options.one:
        print(json.dumps(run_arm(options.one, options.rows, options.batch, options.length)))
        return
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        rows = Path(folder) / "rows.jsonl"
        first_rows(options.rows, options.steps * options.batch, rows)
        print(json.dumps(compare(options.arms, options.rounds, rows, options.batch, options.length), indent=2))


if __name__ == "__main__":
    main()
