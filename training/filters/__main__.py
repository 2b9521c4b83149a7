"""Fits the grounding filter to judged pairs, runs all filters, and tells how true what they keep is.

    python -m training.filters --pairs PAIRS.csv --docs DOCS --labels LABELS.csv [--kept LABELS.csv] [--report FOLDER]

Shows how weights fitted on one half of the labels do on the other, what out-of-fold predictions do on all of them,
and the weights fitted on all, which are those of `training.filters.grounding`. `--kept`: verdicts on pairs that the
filters kept, of which no weight or threshold knows.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from app.errors import DocentError
from training.corpus import Corpus, open_corpus
from training.filters.fitting import Array, Verdict, fit, measure, out_of_fold, predict, read_verdicts
from training.filters.funnel import NEAR_DUPLICATE, Funnel, apply_filters
from training.filters.grounding import Weights, features
from training.filters.passages import Shelf
from training.filters.report import write_funnel
from training.pair import Pair, pair_from
from training.rows import read_as
from training.schema.data import Rows
from training.schema.filters import FilterSettings

_THRESHOLDS = (0.5, FilterSettings().grounding, 0.7, 0.8)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.filters", description=(__doc__ or "").splitlines()[0])
    for name in ("pairs", "docs", "labels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--kept", type=Path, help="verdicts on pairs that were kept")
    parser.add_argument("--report", type=Path, help="folder for the funnel's report")
    try:
        asyncio.run(_run(parser.parse_args(arguments)))
    except DocentError as error:
        sys.exit(f"{parser.prog}: {error.detail}")


async def _run(given: argparse.Namespace) -> None:
    pairs = read_as(Rows(path=str(given.pairs)), pair_from)
    verdicts = read_verdicts(given.labels)
    with tempfile.TemporaryDirectory() as data_dir:
        async with open_corpus(given.docs, Path(data_dir)) as corpus:
            await _show_fit([pair for pair in pairs if pair.row in verdicts], corpus, verdicts)
            began = time.perf_counter()
            funnel = await apply_filters(pairs, corpus, FilterSettings(), ())
            seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _print(f"{len(pairs)} pairs filtered in {seconds:.0f} s, peak memory {memory:.0f} MB")
    for step in funnel.steps:
        _print(f"  {step.name:28} {step.before:5} -> {step.kept:5}")
    kept = {pair.row for pair in passed(funnel, NEAR_DUPLICATE)}
    _print(f"kept of the labelled rows, which the weights know: {_told(verdicts, kept)}")
    if given.kept:
        fresh = measure(list(read_verdicts(given.kept).values()), kept)
        _print(f"kept of rows that no weight knows: precision {fresh.precision}")
    if given.report:
        given.report.mkdir(parents=True, exist_ok=True)
        write_funnel(funnel, given.report)


async def _show_fit(pairs: Sequence[Pair], corpus: Corpus, verdicts: Mapping[int, Verdict]) -> None:
    """Pairs that another filter drops are no part of the fit, and count as dropped."""
    funnel = await apply_filters(pairs, corpus, FilterSettings(grounding=0), ())
    judged = passed(funnel, NEAR_DUPLICATE)
    rows = await _measured(judged, {pair.row: pair for pair in pairs}, corpus)
    good = np.array([verdicts[pair.row].good_when_trimmed for pair in judged], dtype=float)
    tuning = np.array([verdicts[pair.row].tuning for pair in judged])
    other = {row: one for row, one in verdicts.items() if not one.tuning}
    said = predict(fit(rows[tuning], good[tuning]), rows)
    _print("fitted on the tuning half, the other half:")
    _show_thresholds(other, judged, said)
    _print("all labels, out of fold:")
    _show_thresholds(verdicts, judged, out_of_fold(rows, good))
    named = zip([field.name for field in fields(Weights)], fit(rows, good), strict=True)
    _print("fitted on all: Weights(" + ", ".join(f"{name}={value:.2f}" for name, value in named) + ")")


def _show_thresholds(verdicts: Mapping[int, Verdict], judged: Sequence[Pair], said: Array) -> None:
    for threshold in _THRESHOLDS:
        kept = {pair.row for pair, chance in zip(judged, said, strict=True) if chance >= threshold}
        _print(f"  from {threshold:.2f}: {_told(verdicts, kept)}")


def _told(verdicts: Mapping[int, Verdict], kept: set[int]) -> str:
    found = measure(list(verdicts.values()), kept)
    return f"precision {found.precision}, recall {found.recall}, base {found.base}"


async def _measured(pairs: Sequence[Pair], whole: Mapping[int, Pair], corpus: Corpus) -> Array:
    """Features of each pair: (pairs, features). whole: by row, as it was before it was trimmed; that finds support."""
    vocabulary = (await corpus.library.current()).vocabulary
    shelf = Shelf(corpus, vocabulary, FilterSettings().depth)
    rows = []
    for pair in pairs:
        found = await shelf.find(whole[pair.row])
        if (support := shelf.support(whole[pair.row], found)) is not None:
            rows.append(astuple(features(pair, found, support, vocabulary)))
    return np.array(rows, dtype=float)


def passed(funnel: Funnel, but: str) -> list[Pair]:
    """The pairs that are kept, and those that only the filter `but` dropped, as they came to it.

    A good pair that was asked twice is as good, so near-duplicates count as kept.
    """
    dropped = [one.pair for step in funnel.steps if step.name == but for one in step.dropped]
    return sorted((*funnel.kept, *dropped), key=lambda pair: pair.row)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
