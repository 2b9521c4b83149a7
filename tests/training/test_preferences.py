from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from training.errors import SourceError
from training.preferences import as_preference, preference_rows
from training.rows import normalised
from training.schema.data import PreferenceData, Rows

ASKED = [{"role": "user", "content": "Which port?"}]
GOOD, BAD = ({"role": "assistant", "content": text} for text in ("8080 [1]", "Any."))
EXPECTED = {"prompt": ASKED, "chosen": [GOOD], "rejected": [BAD]}


def lines(file: Path, rows: list[dict[str, Any]]) -> Rows:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Rows(path=str(file))


def scored(number: int, **changed: object) -> dict[str, object]:
    row = {"input": f"Sum {number}?", "system": "Count.", "chosen": "right", "rejected": "wrong"}
    return {**row, "status": "unchanged", "chosen_score": 9.0, "in_gsm8k_train": False, **changed}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ASKED, "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "Which port?", "chosen": "8080 [1]", "rejected": "Any."},
        {"prompt": "Which port?", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]},
        {"chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]},
        {"question": " Which port? ", "system": "", "chosen": "8080 [1]", "rejected": "Any."},
        {"input": "Which port?", "system": None, "chosen": "8080 [1]", "rejected": "Any."},
    ],
)
def test_every_known_shape_becomes_messages(row: dict[str, Any]) -> None:
    assert as_preference(row) == EXPECTED


def test_the_system_text_of_orca_pairs_goes_first() -> None:
    row = {"system": "Be exact.", "question": "Which port?", "chosen": "8080 [1]", "rejected": "Any."}
    assert as_preference(row)["prompt"] == [{"role": "system", "content": "Be exact."}, *ASKED]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "a", "chosen": "b"}, "no chosen and rejected answer"),
        ({"chosen": "b", "rejected": "c"}, "no question before its answers"),
        ({"chosen": [*ASKED, GOOD], "rejected": [*ASKED, GOOD]}, "both answers are the same"),
        ({"prompt": "a", "chosen": 3, "rejected": "c"}, "neither text nor messages"),
    ],
)
def test_other_shapes_are_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        as_preference(row)


def test_the_usual_filter_drops_ties_low_scores_and_what_is_measured_on(tmp_path: Path) -> None:
    left_out = [{"status": "tie"}, {"chosen_score": 7.5}, {"chosen_score": None}, {"in_gsm8k_train": True}]
    rows = [scored(number, **changed) for number, changed in enumerate([{}, *left_out, {"chosen_score": 8}])]
    data = PreferenceData(train=lines(tmp_path / "a.jsonl", rows), held_out_rows=1, min_chosen_score=8)
    train, held_out = preference_rows(data)
    assert {pair["prompt"][1]["content"] for pair in [*train, *held_out]} == {"Sum 0?", "Sum 5?"}
    assert len(held_out) == 1


def test_rows_with_an_empty_answer_are_left_out(tmp_path: Path) -> None:
    rows = [scored(1), scored(2, chosen=""), scored(3, rejected=""), scored(4)]
    sides = preference_rows(PreferenceData(train=lines(tmp_path / "a.jsonl", rows), held_out_rows=1))
    assert {pair["prompt"][1]["content"] for side in sides for pair in side} == {"Sum 1?", "Sum 4?"}
    with pytest.raises(SourceError, match="no row has two answers"):
        preference_rows(PreferenceData(train=lines(tmp_path / "a.jsonl", rows[1:3]), held_out_rows=1))


def test_a_filter_on_rows_without_scores_names_the_column(tmp_path: Path) -> None:
    rows = lines(tmp_path / "a.jsonl", [{"question": "a", "chosen": "b", "rejected": "c"}] * 2)
    with pytest.raises(SourceError, match=r"a\.jsonl: row 1 lacks the column status"):
        preference_rows(PreferenceData(train=rows, held_out_rows=1, min_chosen_score=8))


def test_a_filter_that_leaves_nothing_says_so(tmp_path: Path) -> None:
    rows = lines(tmp_path / "a.jsonl", [scored(1), scored(2)])
    with pytest.raises(SourceError, match=r"no row has a chosen_score of 9\.5"):
        preference_rows(PreferenceData(train=rows, held_out_rows=1, min_chosen_score=9.5))


def test_no_question_is_on_both_sides_whatever_passages_stand_with_it(tmp_path: Path) -> None:
    def row(number: int) -> dict[str, str]:
        asked = f"Passages:\n\n[1] Page\ntext {number}\n\nQuestion: What is {number % 10}?"
        return {"prompt": asked, "chosen": f"good {number}", "rejected": "bad"}

    data = PreferenceData(train=lines(tmp_path / "a.jsonl", [row(n) for n in range(40)]), held_out_rows=8)
    train, held_out = preference_rows(data)
    sides = [
        {normalised(pair["prompt"][0]["content"].rpartition("Question: ")[2]) for pair in side}
        for side in (train, held_out)
    ]
    assert sides[0].isdisjoint(sides[1])
    assert (len(train), len(held_out)) == (32, 8)
    assert preference_rows(data) == (train, held_out)
    assert preference_rows(data.model_copy(update={"split_seed": 1}))[1] != held_out


def test_held_out_rows_of_a_file_of_their_own(tmp_path: Path) -> None:
    train, held_out = (
        lines(tmp_path / f"{name}.jsonl", [{"prompt": name, "chosen": "good", "rejected": "bad"}]) for name in "ab"
    )
    sides = preference_rows(PreferenceData(train=train, held_out=held_out))
    assert [side[0]["prompt"][0]["content"] for side in sides] == ["a", "b"]
    with pytest.raises(ValidationError, match="give one of"):
        PreferenceData(train=train)
    with pytest.raises(SourceError, match=r"1 rows of .* ask what is held out"):
        preference_rows(PreferenceData(train=train, held_out=train))
