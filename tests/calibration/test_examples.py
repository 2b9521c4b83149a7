"""Labels and answers become examples: what counts as right, and what could be sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.calibration.answers import AnswersFile, MadeAnswer, with_trace
from app.calibration.examples import asked_example, halves, is_right, labelled_example
from app.calibration.labels import Label, read_labels
from app.errors import InvalidInput

ANSWER: dict[str, Any] = {
    "id": "ans_1",
    "question": "How is the lamp dimmed?",
    "decision": "reply",
    "confidence": 0.81239,
    "kind": "generated",
    "reasons": [],
    "text": "Run `lumen set\n--level 40`. [1] That dims\nit to Forty percent. [2]",
    "citations": [{"chunk_id": "a"}, {"chunk_id": "b"}, {"chunk_id": "a"}],
    "model": "m",
    "index_revision": "r1",
}
TRACED = {**ANSWER, "evidence": 0.9, "pages": ["guide/brightness.md", "faq.md"]}


def made(**changes: Any) -> MadeAnswer:
    return MadeAnswer.model_validate({**TRACED, **changes})


def label(**fields: Any) -> Label:
    return Label.model_validate_json(json.dumps({"question": "How is the lamp dimmed?", **fields}))


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"answerable": True, "sources": ["faq.md"]}, True),
        ({"answerable": True, "sources": ["index.md", "guide/brightness.md"]}, True),
        ({"answerable": True, "sources": ["./docs/guide/brightness.md"]}, True),
        ({"answerable": True, "sources": ["brightness.md"]}, True),
        ({"answerable": True, "sources": ["ightness.md"]}, False),
        ({"answerable": True, "sources": ["colour.md"]}, False),
        ({"answerable": True, "must_contain": ["set --level", "40`. That dims it to FORTY"]}, True),
        ({"answerable": True, "sources": ["faq.md"], "must_contain": ["sixty"]}, False),
        ({"answerable": True, "sources": ["colour.md"], "must_contain": ["forty"]}, False),
        ({"answerable": False}, False),
        ({"answerable": False, "sources": ["faq.md"]}, False),
    ],
)
def test_what_is_right(fields: dict[str, Any], right: bool) -> None:
    assert is_right(label(**fields), made()) is right


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, True),
        ({"decision": "draft", "reasons": ["low_confidence"]}, True),
        ({"decision": "draft", "reasons": ["engine_unavailable"]}, False),
        ({"decision": "draft", "reasons": ["low_confidence", "engine_unavailable"]}, False),
        ({"decision": "escalate", "kind": "none", "reasons": ["no_relevant_docs"]}, False),
    ],
)
def test_what_can_be_sent(changes: dict[str, Any], sent: bool) -> None:
    example = asked_example(label(answerable=True, sources=["faq.md"]), made(**changes))
    assert (example.can_be_sent, example.judged_by, example.evidence) == (sent, "sources", 0.9)
    recorded = labelled_example(label(correct=True, **{"confidence": 0.5, **changes}))
    assert (recorded.can_be_sent, recorded.judged_by) == (sent, "person")


def test_a_confidence_is_as_fine_as_the_service_makes_it() -> None:
    assert asked_example(label(answerable=False), made()).confidence == 0.8124
    assert labelled_example(label(correct=True, confidence=0.70004)).confidence == 0.7


def test_an_answer_with_a_label_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    lines = [json.dumps({**TRACED, "correct": False, "answerable": True}), '{"question": "x ", "answerable": false}']
    file.write_text("\ufeff" + "\r\n\n".join(lines), encoding="utf-8")
    first, second = read_labels(file)
    assert (first.line, first.correct, first.confidence, first.evidence) == (1, False, 0.81239, 0.9)
    assert (second.line, second.question, second.is_asked, first.is_asked) == (3, "x", True, False)


def test_evidence_and_pages_come_from_the_trace() -> None:
    candidates = [{"chunk_id": one, "path": f"{one}.md"} for one in "cba"]
    stages = {"evidence": {"probability": 0.7, "reach": 1}, "retrieval": {"candidates": candidates}}
    assert with_trace(ANSWER, stages) == {**ANSWER, "evidence": 0.7, "pages": ["a.md", "b.md"]}


def test_halves_do_not_move_and_keep_a_question_together() -> None:
    examples = [labelled_example(Label(question=f"q{at % 300}", correct=True, confidence=0.5)) for at in range(600)]
    chosen_on, held = halves(examples, 0.5)
    assert 120 < len({one.question for one in held}) < 180
    assert len(chosen_on) + len(held) == 600
    assert not {one.question for one in chosen_on} & {one.question for one in held}
    assert {one.question for one in halves(examples[:100], 0.5)[1]} == {
        one.question for one in held if int(one.question[1:]) < 100
    }
    assert {one.question for one in halves(examples, 0.2)[1]} < {one.question for one in held}
    assert halves(examples, 0) == (examples, [])


def test_answers_are_kept_and_a_torn_line_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    kept = AnswersFile(path)
    kept.add("Wie hell? Größe\u2028 15", TRACED)
    kept.add("Two?", {**TRACED, "text": "ü"})
    kept.add("Three?", {**TRACED, "reasons": ["engine_unavailable"]})
    assert "Three?" in kept
    whole = path.read_bytes()
    torn = whole[: whole.index("ü".encode()) + 1]
    path.write_bytes(torn)

    again = AnswersFile(path)

    assert "Wie hell? Größe\u2028 15" in again
    assert "Two?" not in again
    assert "Three?" not in again
    again.add("Two?", TRACED)
    assert AnswersFile(path).answer("Two?").pages == ["guide/brightness.md", "faq.md"]
    path.write_bytes(whole.rstrip(b"\n"))
    AnswersFile(path).add("Four?", TRACED)
    assert len(path.read_bytes().splitlines()) == 3


@pytest.mark.parametrize("content", [b"a list of questions", b'{"question": "x", "answerable": false}', b"\xff\xfe\n"])
def test_a_file_that_is_none_of_answers_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"answers\.jsonl"):
        AnswersFile(path)
    assert path.read_bytes().rstrip(b"\n") == content.rstrip(b"\n")
