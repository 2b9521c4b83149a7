"""Grounding, abstention, calibration and latency of answers, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.evaluation.answers import Answered
from training.evaluation.statistics import auroc, cluster_bootstrap

_BINS = 10


def figures(answered: Sequence[Answered]) -> dict[str, Any]:
    """Of one model. Shares are None where there is nothing to count."""
    answerable = [one for one in answered if one.kind == "answerable"]
    beyond = [one for one in answered if one.kind != "answerable"]
    given = [one for one in answerable if not one.refused]
    similar = [one.similarity for one in answered if one.similarity is not None]
    correct = cluster_bootstrap([float(one.correct) for one in answered], [one.id for one in answered])
    return {
        "questions": len(answered),
        "correct": round(correct.mean, 4),
        "correct_interval": [round(correct.low, 4), round(correct.high, 4)],
        "grounding": {
            "sentences_said": sum(one.said for one in answered),
            "sentences_supported": _share(sum(one.stood for one in answered), sum(one.said for one in answered)),
            "citations": sum(one.quotes for one in answered),
            "citations_verbatim": _share(sum(one.verbatim for one in answered), sum(one.quotes for one in answered)),
            "citation_precision": _share(sum(one.right_citations for one in given), sum(one.quotes for one in given)),
            "citation_recall": _share(sum(one.cites_right_page for one in given), len(given)),
        },
        "abstention": {
            "refused_answerable": _share(sum(one.refused for one in answerable), len(answerable)),
            "refused_unanswerable": _share(*_refused(beyond, "unanswerable")),
            "refused_off_topic": _share(*_refused(beyond, "off_topic")),
            "replied_beyond": _share(sum(one.decision == "reply" for one in beyond), len(beyond)),
            "auroc": _number(
                auroc([one.confidence for one in answered], [one.kind == "answerable" for one in answered])
            ),
            "auroc_correct": _number(
                auroc(
                    [one.confidence for one in answered if not one.refused],
                    [one.correct for one in answered if not one.refused],
                )
            ),
        },
        "risk_coverage": risk_coverage(answered),
        "reliability": reliability(answered),
        "kinds": {kind: sum(one.answered == kind for one in answered) for kind in ("generated", "extractive", "none")},
        "similarity": {"answers": len(similar), "mean": round(float(np.mean(similar)), 4) if similar else None},
        "latency_ms": {
            "first_sentence_p50": _quantile([one.first_sentence_ms for one in answered], 0.5),
            "first_sentence_p95": _quantile([one.first_sentence_ms for one in answered], 0.95),
            "total_p50": _quantile([one.total_ms for one in answered], 0.5),
            "total_p95": _quantile([one.total_ms for one in answered], 0.95),
        },
    }


def _refused(beyond: Sequence[Answered], kind: str) -> tuple[int, int]:
    of_kind = [one for one in beyond if one.kind == kind]
    return sum(one.refused for one in of_kind), len(of_kind)


def risk_coverage(answered: Sequence[Answered]) -> list[dict[str, float]]:
    """With only answers from a confidence on: the share of questions that get one, and how many of these are wrong."""
    given = sorted((one for one in answered if not one.refused), key=lambda one: -one.confidence)
    curve = []
    wrong = 0
    for place, one in enumerate(given, start=1):
        wrong += not one.correct
        if place == len(given) or given[place].confidence < one.confidence:  # ties come together
            point = {"confidence": one.confidence, "coverage": place / len(answered), "error": wrong / place}
            curve.append({name: round(value, 4) for name, value in point.items()})
    return curve


def reliability(answered: Sequence[Answered]) -> dict[str, Any]:
    """Confidence against the share that is right, in ten bins, and the expected calibration error, of answers given."""
    given = [one for one in answered if not one.refused]
    bins = []
    for place in range(_BINS):
        low, high = place / _BINS, (place + 1) / _BINS
        held = [one for one in given if low <= one.confidence < high or (place == _BINS - 1 and one.confidence == 1)]
        if held:
            said = float(np.mean([one.confidence for one in held]))
            right = float(np.mean([one.correct for one in held]))
            bins.append({"answers": len(held), "confidence": round(said, 4), "right": round(right, 4)})
    error = sum(abs(one["confidence"] - one["right"]) * one["answers"] for one in bins) / len(given) if given else None
    return {"bins": bins, "expected_calibration_error": None if error is None else round(error, 4)}


def _share(count: int, total: int) -> float | None:
    return round(count / total, 4) if total else None


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 1) if values else None
