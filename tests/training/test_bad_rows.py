"""What cannot be used is named with its file and line or row, whatever stage reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.errors import SourceError
from training.evaluation.items import read_items
from training.evaluation.questions import read_questions
from training.filters.fitting import read_verdicts
from training.preferences import preference_rows
from training.prepare import evaluation_questions, read_pairs
from training.rows import read_rows, sft_chats
from training.schema.data import PreferenceData, Replay, Rows, SftData
from training.schema.prepare import PrepareRecipe

GOOD = [{"question": f"Q {number}?", "answer": "yes"} for number in range(4)]
ASKED = {"role": "user", "content": "Which port?"}
LATIN = "question,answer\nWhich port?,8080\nO\xf9 donc?,Là\n".encode("latin-1")


def as_pairs(path: Path, **more: Any) -> None:
    tree = {"output_dir": "out", "docs": "docs", "formats": ["chat"], "pairs": [{"path": str(path)}], **more}
    read_pairs(PrepareRecipe.model_validate(tree))


def as_unfiltered_pairs(path: Path) -> None:
    as_pairs(path, filters=None)


def as_evaluation(path: Path) -> None:
    evaluation_questions([Rows(path=str(path))])


def as_chats(path: Path) -> None:
    sft_chats(SftData(train=Rows(path=str(path)), held_out_rows=1), 1)


def as_replay(path: Path) -> None:
    own = path.parent / "own.jsonl"
    own.write_text("".join(json.dumps(row) + "\n" for row in GOOD))
    sft_chats(SftData(train=Rows(path=str(own)), held_out_rows=1, replay=Replay(path=str(path))), 1)


def as_preferences(path: Path, min_chosen_score: float | None = None) -> None:
    data = PreferenceData(train=Rows(path=str(path)), held_out_rows=1, min_chosen_score=min_chosen_score)
    preference_rows(data)


def as_scored(path: Path) -> None:
    as_preferences(path, 8)


READERS: list[Callable[[Path], object]] = [
    as_pairs, as_evaluation, as_chats, as_replay, as_preferences, read_questions, read_verdicts, read_items,
]  # fmt: skip


def refused(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(path)
    assert "\n" not in caught.value.detail
    return caught.value.detail


@pytest.mark.parametrize("read", READERS)
def test_a_file_in_another_encoding_is_named(read: Callable[[Path], object], tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes(LATIN)
    assert str(file) in refused(read, file)


@pytest.mark.parametrize("name", ["latin.csv", "latin.jsonl"])
def test_its_first_line_that_is_no_utf8_is_told(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    row = {"question": "Où?", "answer": "Là"}
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*GOOD[:2], row])
    file.write_bytes(LATIN if name.endswith("csv") else text.encode("latin-1"))
    assert refused(as_chats, file) == f"{file}:3 is no UTF-8 text: save the file as UTF-8"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["folder.csv", "folder.jsonl"])
def test_a_folder_with_the_name_of_a_file_is_named(read: Callable[[Path], object], name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    assert str(folder) in refused(read, folder)


def test_a_field_that_is_too_long_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text(f"question,answer\na,b\nc,{'x' * 140_000}\n")
    assert f"{file}:3 is no CSV" in refused(as_chats, file)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(b"PAR1")
    assert "neither a .csv nor a .jsonl file" in refused(as_chats, file)


@pytest.mark.parametrize(
    ("read", "row", "reason"),
    [
        (as_chats, {"messages": []}, "has no message in `messages`"),
        (as_chats, {"messages": [{"role": "user"}]}, "has a message without role and content in words: {'role'"),
        (as_chats, {"messages": [{"content": "a"}]}, "has a message without role and content in words"),
        (as_chats, {"messages": ["a"]}, "has a message without role and content in words: a"),
        (as_chats, {"messages": [{"role": "assistant", "content": None}]}, "has a message without role and content"),
        (as_chats, {"messages": [ASKED, {"role": "assistant", "content": " "}]}, "empty message of the assistant"),
        (as_chats, {"messages": "a"}, "has neither messages nor question and answer"),
        (as_chats, {"question": "a", "answer": ""}, "has an empty message of the assistant"),
        (as_replay, {"messages": []}, "has no message in `messages`"),
        (as_pairs, {"question": "a"}, "has no question and answer (it has: question)"),
        (as_pairs, GOOD[0] | {"row": "abc"}, "has a `row` that is no whole number: abc"),
        (as_pairs, GOOD[0] | {"depth": 0.5}, "has a `depth` that is no whole number: 0.5"),
        (as_pairs, GOOD[0] | {"chunks": "abc"}, "has `chunks` that are no list of texts: abc"),
        (as_pairs, GOOD[0] | {"quotes": [1]}, "has `quotes` that are no list of texts: [1]"),
        (as_pairs, GOOD[0] | {"kind": ["x"]}, "is of no known kind"),
        (as_pairs, GOOD[0] | {"split": {}} | {"split": {"a": 1}}, "is of no known split"),
        (as_unfiltered_pairs, {"question": " ", "answer": "a"}, "has an empty question or answer"),
        (as_evaluation, {"asked": "a"}, "has no `question`"),
        (as_preferences, {"prompt": "a", "chosen": "b"}, "has no chosen and rejected answer (it has: chosen, prompt)"),
        (as_preferences, {"prompt": [], "chosen": [ASKED], "rejected": [{"role": "user"}]}, "has a message without"),
        (as_preferences, {"prompt": "a", "chosen": 3, "rejected": "c"}, "is neither text nor messages: 3"),
        (as_scored, {"prompt": "a", "chosen": "b", "rejected": "c"}, "lacks the column status"),
        (
            as_scored,
            {"chosen": "b", "rejected": "c", "status": "", "chosen_score": "high", "in_gsm8k_train": ""},
            "has a chosen_score that is no number: high",
        ),
        (read_questions, {"question": "a", "files": 3}, "files is 3, and no list of pages"),
        (read_verdicts, {"row": "abc", "verdict": "true", "self_standing": "yes"}, "is no label: it needs row"),
        (read_verdicts, {"verdict": "true", "self_standing": "yes"}, "is no label: it needs row"),
    ],
)
def test_a_row_that_cannot_be_used_is_told(
    read: Callable[[Path], object], row: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    sound: dict[Any, dict[str, Any]] = {
        as_preferences: {"prompt": "a", "chosen": "b", "rejected": "c"},
        as_scored: {"chosen": "", "rejected": "c"},
        read_questions: {"question": "a", "files": ["a.md"]},
        read_verdicts: {"row": 3, "verdict": "true", "self_standing": "no"},
    }
    file.write_text("".join(json.dumps(one) + "\n" for one in (sound.get(read, GOOD[0]), row)), encoding="utf-8")
    told = refused(read, file)
    assert told.startswith(f"{file}: row 2")
    assert reason in told


def test_numbers_of_a_csv_file_are_texts(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("row,question,answer,chunks\n7,a,b,\n")
    as_pairs(file)
    assert read_rows(Rows(path=str(file)))[0]["row"] == "7"
