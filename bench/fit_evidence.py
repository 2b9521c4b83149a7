"""Fits the weights of `app.answering.evidence` on the fitting halves of the labelled sets, and prints them.

    python -m bench.fit_evidence handbook=docs nitro=PATH

Logistic regression with a ridge of 1 on standardised features, answerable and other questions weighted alike.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.answering.evidence import Features, Weights, features
from app.config import Settings
from app.index.indexer import IndexRequest
from app.runtime import open_core
from bench.questions import LabelledQuestion, fitting_half, load_questions, measuring_half

Array = NDArray[np.float64]
_RIDGE, _STEPS, _RATE = 1.0, 4000, 0.5


async def measure(folder: Path, questions: Sequence[LabelledQuestion]) -> Array:
    """Features of each question on an index of `folder`: shape (questions, features)."""
    with tempfile.TemporaryDirectory() as data_dir:
        async with open_core(Settings(data_dir=Path(data_dir))) as core:
            await core.indexer.index(IndexRequest((folder,)), lambda _: None)
            rows = []
            for one in questions:
                result = await core.library.search(one.question)
                rows.append(astuple(features(result, core.library.searcher.embedder.name)))
    return np.array(rows)


def fit(rows: Array, answerable: Array) -> Array:
    """Intercept and weights on the features' own scale."""
    centre, scale = rows.mean(0), rows.std(0) + 1e-9
    design = np.c_[np.ones(len(rows)), (rows - centre) / scale]
    balance = np.where(answerable == 1, 0.5 / answerable.mean(), 0.5 / (1 - answerable.mean()))
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        error = balance * (1 / (1 + np.exp(-design @ weights)) - answerable)
        weights -= _RATE * (design.T @ error + _RIDGE * np.r_[0, weights[1:]]) / len(rows)
    own = weights[1:] / scale
    return np.r_[weights[0] - own @ centre, own]


def roc_auc(scores: Array, answerable: Array) -> float:
    """Chance that an answerable question scores above another one."""
    wins = [float(a > b) + 0.5 * float(a == b) for a in scores[answerable == 1] for b in scores[answerable == 0]]
    return sum(wins) / len(wins)


def main(arguments: Sequence[str]) -> None:
    fit_rows, fit_labels, sets = [], [], {}
    for argument in arguments:
        name, _, folder = argument.partition("=")
        questions = load_questions(name)
        rows = asyncio.run(measure(Path(folder).resolve(), questions))
        labels = np.array([one.kind == "answerable" for one in questions], dtype=float)
        chosen = {one.id for one in fitting_half(questions)}
        mask = np.array([one.id in chosen for one in questions])
        fit_rows.append(rows[mask])
        fit_labels.append(labels[mask])
        sets[name] = (rows[~mask], labels[~mask], measuring_half(questions))
    weights = fit(np.concatenate(fit_rows), np.concatenate(fit_labels))
    named = zip([field.name for field in fields(Weights)], weights, strict=True)
    print("Weights(" + ", ".join(f"{name}={value:.2f}" for name, value in named) + ")")
    print("features:", ", ".join(field.name for field in fields(Features)))
    for name, (rows, labels, questions) in sets.items():
        scores = 1 / (1 + np.exp(-(weights[0] + rows @ weights[1:])))
        print(f"{name}: ROC AUC {roc_auc(scores, labels):.3f} on the measuring half")
        for threshold in (0.1, 0.2, 0.3, 0.35, 0.4, 0.5):
            refused = {
                kind: np.mean([scores[i] < threshold for i, one in enumerate(questions) if one.kind == kind])
                for kind in ("answerable", "unanswerable", "off_topic")
            }
            print(f"  below {threshold}: " + ", ".join(f"{kind} {share:.2f}" for kind, share in refused.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
