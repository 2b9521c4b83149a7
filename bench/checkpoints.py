"""What the checkpoints of `training/runs/nitro-135m*.yaml` are worth: the figures and pictures of docs/benchmarks.md.

    NITRO=FOLDER python -m bench.checkpoints --made out/nitro-135m --out out/benchmarks [--only PART,…] [--page]

Runs `docent-train evaluate` on every checkpoint that is there, in the environment of training (`make install-train`).
What was measured is kept in --out, and a run that was stopped goes on: two cores take about an hour and a half for all.
`--page` writes the tables between their marks in docs/benchmarks.md, and the pictures to docs/images.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.checkpoints_page import write_page
from training.errors import SourceError

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-train" / "bin" / "python"
# By the name that tables and pictures have for it: the step of the run files that exports it.
CHECKPOINTS = {
    "base": "export-base",
    "sft": "export-sections",
    "filtered": "export-filtered",
    "raft": "export-raft",
    "dpo": "export-dpo",
}
_FILE = "model-q8_0.gguf"  # the embedded engine's form, alike for all


@dataclass(frozen=True, slots=True)
class Part:
    """A call of `docent-train evaluate`, or of another module. folder: of its results, below --out."""

    folder: str
    words: Sequence[str]
    module: Sequence[str] = ("training", "evaluate")


def parts(nitro: Path, made: Path) -> list[Part]:
    """In the order in which they run; those that are quick first."""
    there = {name: made / step for name, step in CHECKPOINTS.items() if (made / step / "manifest.json").is_file()}
    served = ",".join(f"{name}={folder / _FILE}" for name, folder in there.items())
    weights = ",".join(f"{name}={folder}" for name, folder in there.items())
    docs = ["--docs", str(nitro / "docs")]
    questions = ["--questions", str(ROOT / "tests" / "data" / "nitro_questions.jsonl")]
    handbook = ["--questions", str(ROOT / "tests" / "data" / "handbook_questions.jsonl"), "--docs", str(ROOT / "docs")]
    sample = ["mcq", "--items", str(nitro / "mcq_sample.csv"), *docs, "--models", served, "--arms", "closed,rag"]
    items = ["mcq", "--items", str(ROOT / "tests" / "data" / "nitro_mcq.csv"), *docs, "--models", served]
    held_out = f"chat={made}/prepare/chat/held_out.jsonl,raft={made}/prepare/raft/held_out.jsonl"
    return [
        Part("held-out", ["--models", weights, "--rows", held_out, "--limit", "60"], ("bench.held_out",)),
        Part("retrieval", ["retrieval", *questions, *docs, "--chunking", "300/30,150/15,600/60"]),
        Part("retrieval-handbook", ["retrieval", *handbook]),
        Part("forgetting", ["forgetting", "--models", weights]),
        Part("sample-cloze", [*sample, "--scoring", "cloze"]),
        Part("sample-letter", [*sample, "--scoring", "letter"]),
        Part("items-cloze", [*items, "--arms", "closed,rag", "--scoring", "cloze"]),
        Part("items-context", [*items, "--arms", "gold,shuffled", "--scoring", "cloze"]),
        Part("answers", ["answers", *questions, *docs, "--models", served]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.checkpoints")
    parser.add_argument(
        "--nitro", type=Path, default=os.environ.get("NITRO"), help="folder with docs/ and mcq_sample.csv"
    )
    parser.add_argument("--made", type=Path, default=Path("out/nitro-135m"), help="output folder of the run files")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    parser.add_argument("--only", default="", help="parts, with commas between")
    parser.add_argument("--page", action="store_true", help="write what --out holds into docs/benchmarks.md")
    given = parser.parse_args()
    if given.page:
        try:
            write_page(given.out, ROOT / "docs")
        except SourceError as error:
            sys.exit(error.detail)
        return
    if given.nitro is None:
        parser.error("set NITRO, or --nitro, to the folder of the corpus")
    for part in parts(Path(given.nitro).resolve(), given.made.resolve()):
        if given.only and part.folder not in given.only.split(","):
            continue
        print(f"== {part.folder}", file=sys.stderr)
        words = [
            str(PYTHON),
            "-m",
            *part.module,
            *part.words,
            "--out",
            str(given.out.resolve() / part.folder),
        ]
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=False)
        if done.returncode:
            sys.exit(f"{part.folder} ended with exit code {done.returncode}")


if __name__ == "__main__":
    main()
