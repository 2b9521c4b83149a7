"""`make bench`: quality on the labelled sets, and speed of this machine.

    python -m bench [--nitro FOLDER] [--only handbook|nitro|indexing] [--quick] [--json]

The handbook (docs/) is always there; a second corpus is measured where its folder is given or NITRO names it.
Indexing is measured by itself: see `bench.indexing`. `--quick` leaves it out.
Speeds are those of this machine in this run: compare runs, not machines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.config import LogSettings
from app.logs import configure_logs
from bench import indexing
from bench.answers import ask_all, summarise
from bench.latency import measure_latency
from bench.load import press
from bench.questions import LabelledQuestion, load_questions, measuring_half
from bench.retrieval import measure_retrieval
from bench.service import docent_index, docent_serve
from bench.visitor import UNLIMITED

DOCS = Path(__file__).resolve().parent.parent / "docs"
_AT_ONCE, _PRESS_SECONDS = 16, 60


def bench_corpus(name: str, folder: Path, quick: bool) -> dict[str, Any]:
    """Everything about one corpus, in a data folder of its own."""
    questions = load_questions(name)
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as temporary:
        data_dir = Path(temporary)
        result: dict[str, Any] = {
            "index_from_nothing_s": round(docent_index(data_dir, folder), 2),
            "index_unchanged_s": round(docent_index(data_dir, folder), 2),
            "retrieval": asyncio.run(measure_retrieval(data_dir, questions)),
        }
        if quick:
            return result
        with docent_serve(data_dir):  # the first start converts the model
            pass
        with docent_serve(data_dir, **UNLIMITED) as service:
            result["ready_s"] = round(service.ready_seconds, 2)
            answered = ask_all(service, questions)
            measured = {one.id for one in measuring_half(questions)}
            result["answers"] = asyncio.run(summarise(data_dir, answered))
            half = [pair for pair in answered if pair[0].id in measured]
            result["answers_measuring_half"] = asyncio.run(summarise(data_dir, half))
            result["load"] = asyncio.run(press(service, _shuffled(questions), _AT_ONCE, _PRESS_SECONDS))
            result["resident_mb"] = round(service.resident_mb())
        result["latency"] = measure_latency(data_dir, questions)
    return result


def _shuffled(questions: list[LabelledQuestion]) -> list[LabelledQuestion]:
    return sorted(questions, key=lambda one: one.id[::-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--nitro", type=Path, default=os.environ.get("NITRO"), help="folder that has docs/")
    parser.add_argument("--only", choices=("handbook", "nitro", "indexing"))
    parser.add_argument("--quick", action="store_true", help="retrieval, and index runs of the corpora")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    configure_logs(LogSettings(level="warning"))  # stdout is for the figures alone
    corpora = {"handbook": DOCS}
    if options.nitro:
        corpora["nitro"] = Path(options.nitro) / "docs"
    results = {}
    for name, folder in corpora.items():
        if options.only in {None, name}:
            print(f"measuring {name} ...", file=sys.stderr)
            results[name] = bench_corpus(name, folder.resolve(), options.quick)
    if options.only == "indexing" or (options.only is None and not options.quick):
        print("measuring indexing ...", file=sys.stderr)
        results["indexing"] = {part: indexing.measure_part(part) for part in indexing.PARTS}
    if options.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(f"\n{name}")
        _print(result, "  ")


def _print(values: dict[str, Any], indent: str) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            _print(value, indent + "  ")
        else:
            print(f"{indent}{name:<40} {value}")


if __name__ == "__main__":
    main()
