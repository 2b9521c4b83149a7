"""Retrieval and answers on a real index of the ferry docs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering.scripted_model import ScriptedModel
from training.errors import SourceError
from training.evaluation.answer_figures import figures, reliability, risk_coverage
from training.evaluation.answer_run import AnswerRun, run_answers
from training.evaluation.answers import Answered
from training.evaluation.judging import agreement
from training.evaluation.questions import Question, read_questions
from training.evaluation.retrieval import _failures, _figures, evaluate_retrieval, read_chunkings
from training.evaluation.served import read_models

FERRY = Path(__file__).parents[1] / "data" / "ferry"
PORT = {"id": "port", "question": "Which port does Ferry listen on?", "files": ["errors.md"], "reference": "Port 7420."}
LIMIT = {"id": "limit", "question": "What is the default limit of the speed of a copy?", "files": ["copying.md"]}
TAX = {"id": "tax", "question": "How do I file my income tax return?", "files": [], "kind": "off_topic"}


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


def test_every_stage_and_chunking_is_measured(tmp_path: Path) -> None:
    questions = written(tmp_path, PORT, LIMIT, TAX)
    results = evaluate_retrieval(questions, FERRY, tmp_path / "out", read_chunkings("300/30,50/0"))
    assert results["questions"] == 2
    whole, small = results["chunkings"]["300/30"], results["chunkings"]["50/0"]
    assert small["chunks"] > whole["chunks"]
    assert set(whole["stages"]) == {"dense", "sparse", "fused"}
    assert whole["stages"]["fused"]["hit@3"] == 1
    assert whole["failures"] == []
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(name in page for name in ("300/30", "50/0", "sparse"))


def test_a_page_that_is_not_among_the_first_five_is_listed_with_what_was() -> None:
    asked = [
        Question("a", "Which port?", ("six",), "answerable"),
        Question("b", "Which limit?", ("one",), "answerable"),
    ]
    ranked = [["one", "two", "three", "four", "five", "six"], ["two", "one"]]
    assert _failures(asked, ranked) == [
        {"id": "a", "question": "Which port?", "files": ["six"], "rank": 6, "first": ["one", "two", "three"]}
    ]
    found = _figures(asked, ranked)
    assert (found["hit@1"], found["hit@3"], found["hit@10"]) == (0, 0.5, 1)
    assert found["mrr"] == pytest.approx((1 / 6 + 1 / 2) / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([TAX], "no answerable question"),
        ([{"question": "Which port?", "files": ["nowhere.md"]}], "nowhere.md, which is no page"),
        ([{"question": "Which port?", "kind": "answerable"}], "row 1 is answerable, and names no file"),
        ([{"question": " "}], "row 1 has no question"),
        ([{"question": "Which?", "kind": "hard"}], "kind is 'hard'"),
    ],
)
def test_questions_that_cannot_be_used(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        evaluate_retrieval(written(tmp_path, *rows), FERRY, tmp_path / "out", read_chunkings(""))


def test_chunkings_that_cannot_be_meant() -> None:
    for text in ("300", "300/300", "10/0"):
        with pytest.raises(SourceError, match="--chunking"):
            read_chunkings(text)


def test_a_question_by_source_is_answerable(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text("question,source\nWhich port?,errors.md;index.md\nWhich tax?,\n")
    first, second = read_questions(path)
    assert (first.kind, first.files, second.kind) == ("answerable", ("errors.md", "index.md"), "unanswerable")


def test_answers_are_measured_judged_and_kept(tmp_path: Path, model: ScriptedModel) -> None:
    def say(prompt: str) -> str:
        if "Form:" in prompt:
            return json.dumps({"reason": "it says so", "correct": "7420" in prompt})
        if "port" in prompt.rpartition("Question: ")[2]:
            return "Ferry listens on port 7420. Ferry was written on the moon by three painters."
        return "The default limit is 40."

    model.respond = say
    models, judge = read_models(f"ours={model.base_url}", {}), read_models(f"judge={model.base_url}#scripted", {})[0]
    labels = tmp_path / "labels.csv"
    labels.write_text("id,correct\nport,yes\nlimit,yes\n")
    asked = AnswerRun(written(tmp_path, PORT, LIMIT, TAX), FERRY, models, tmp_path / "out", judge, labels)
    results = run_answers(asked)
    found = results["results"]["ours"]
    assert found["grounding"]["sentences_said"] == 3
    assert found["grounding"]["sentences_supported"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["grounding"]["citations_verbatim"] == 1
    assert found["grounding"]["citation_precision"] == 1
    assert found["abstention"]["refused_answerable"] == 0
    assert found["abstention"]["refused_off_topic"] == 1
    assert found["abstention"]["auroc"] == 1
    assert found["similarity"]["answers"] == 1
    assert found["latency_ms"]["total_p50"] > 0
    assert results["judge"]["agreement"]["ours"] == {"answers": 2, "alike": 0.5, "kappa": 0.0}
    requests = len(model.requests)
    again = run_answers(asked)
    assert len(model.requests) == requests
    assert again["results"] == results["results"]
    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "out" / "items.jsonl").read_text().splitlines())}
    assert rows["limit"]["correct"] is False  # the judge's word counts
    assert "Error against coverage" in (tmp_path / "out" / "report.html").read_text()


def answered(confidence: float, *, right: bool, kind: str = "answerable", refused: bool = False) -> Answered:
    return Answered(
        id=str(confidence), kind=kind, answered="none" if refused else "generated", decision="reply",
        confidence=confidence, text="", said=1, stood=1, pages=(), right_citations=int(right), quotes=1, verbatim=1,
        cites_right_page=right, similarity=None, first_sentence_ms=1, total_ms=2,
    )  # fmt: skip


def test_error_grows_with_coverage() -> None:
    curve = risk_coverage(
        [answered(0.9, right=True), answered(0.5, right=False), answered(0.1, right=False, refused=True)]
    )
    assert [(point["coverage"], point["error"]) for point in curve] == [(0.3333, 0), (0.6667, 0.5)]


def test_calibration_error_is_zero_where_confidence_is_the_share_that_is_right() -> None:
    sure = [answered(1.0, right=True)] * 4
    half = [answered(0.5, right=place % 2 == 0) for place in range(4)]
    assert reliability([*sure, *half])["expected_calibration_error"] == 0
    assert reliability([answered(0.9, right=False)] * 2)["expected_calibration_error"] == 0.9


def test_an_answer_beyond_the_docs_is_wrong_unless_it_refuses() -> None:
    found = figures(
        [answered(0.2, right=False, kind="unanswerable", refused=True), answered(0.8, right=False, kind="unanswerable")]
    )
    assert found["correct"] == 0.5
    assert found["abstention"]["refused_unanswerable"] == 0.5


def test_kappa_takes_chance_off() -> None:
    labels = {("", "a"): True, ("", "b"): False, ("ours", "c"): True, ("other", "d"): True}
    assert agreement({"a": True, "b": False, "c": True, "d": False}, labels, "ours") == {
        "answers": 3, "alike": 1, "kappa": 1
    }  # fmt: skip
    assert agreement({"x": True}, labels, "ours")["alike"] is None
