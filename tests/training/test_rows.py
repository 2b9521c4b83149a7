from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.errors import SourceError
from training.rows import as_chat, held_apart, normalised, read_rows, sft_chats
from training.schema.data import Replay, Rows, SftData


def chat(question: str, answer: str = "yes") -> list[dict[str, str]]:
    return as_chat({"question": question, "answer": answer})


def lines(file: Path, *rows: object) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_csv_and_jsonl_rows_become_chats(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text('question,answer\n"What, then?"," Nothing "\n', encoding="utf-8")
    (row,) = read_rows(Rows(path=str(table)))
    assert as_chat(row, "Be short.") == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "What, then?"},
        {"role": "assistant", "content": "Nothing"},
    ]
    messages = chat("a")
    (row,) = read_rows(Rows(path=str(lines(tmp_path / "a.jsonl", {"messages": messages, "id": 1}))))
    assert as_chat(row) == messages


def test_a_variable_stands_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines(tmp_path / "a.jsonl", {"question": "a", "answer": "b"})
    monkeypatch.setenv("CORPUS", str(tmp_path))
    assert len(read_rows(Rows(path="$CORPUS/a.jsonl"))) == 1
    monkeypatch.delenv("CORPUS")
    with pytest.raises(SourceError, match="the environment variable CORPUS is not set"):
        read_rows(Rows(path="$CORPUS/a.jsonl"))


@pytest.mark.parametrize(
    ("text", "reason"), [("{\n", ":1 is no JSON"), ('{"a": 1}\n3\n', ":2 is no JSON object"), ("\n", "holds no rows")]
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=reason):
        read_rows(Rows(path=str(file)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file .*gone\.csv"):
        read_rows(Rows(path=str(tmp_path / "gone.csv")))


def test_a_row_of_other_columns_is_refused() -> None:
    with pytest.raises(SourceError, match=r"^has neither messages nor question and answer \(it has: text\)"):
        as_chat({"text": "x"})


def test_the_same_question_is_never_on_both_sides() -> None:
    chats = [chat(f"What is {number % 10}{'?' if number % 2 else ' ?'}", str(number)) for number in range(40)]
    train, held_out = held_apart(chats, 8, seed=1)
    asked = [{normalised(one[0]["content"]) for one in side} for side in (train, held_out)]
    assert asked[0].isdisjoint(asked[1])
    assert (len(train), len(held_out)) == (32, 8)
    assert held_apart(chats, 8, seed=1) == (train, held_out)
    assert held_apart(chats, 8, seed=2)[1] != held_out


def test_runs_of_other_seeds_hold_out_the_same_rows(tmp_path: Path) -> None:
    own = lines(tmp_path / "own.jsonl", *({"question": f"own {n}", "answer": "a"} for n in range(40)))
    data = SftData(train=Rows(path=str(own)), held_out_rows=4)
    assert sft_chats(data, 1) == sft_chats(data, 2)
    assert sft_chats(data.model_copy(update={"split_seed": 1}), 1)[1] != sft_chats(data, 1)[1]


def test_more_cannot_be_held_out_than_there_is() -> None:
    with pytest.raises(SourceError, match="3 rows cannot be held out of 3"):
        held_apart([chat("a"), chat("b"), chat("c")], 3, seed=0)


def test_replayed_rows_are_their_share_of_the_mix(tmp_path: Path) -> None:
    own = lines(tmp_path / "own.jsonl", *({"question": f"own {n}", "answer": "a"} for n in range(40)))
    general = lines(tmp_path / "general.jsonl", *({"messages": chat(f"general {n}")} for n in range(30)))
    replay = Replay(path=str(general), share=0.2)
    train, held_out = sft_chats(SftData(train=Rows(path=str(own)), held_out_rows=4, replay=replay), seed=3)
    replayed = [one for one in train if one[0]["content"].startswith("general")]
    assert len(replayed) / len(train) == pytest.approx(0.2)
    assert all(one[0]["content"].startswith("own") for one in held_out)


def split(folder: Path, train: list[object], held_out: list[object]) -> SftData:
    return SftData(
        train=Rows(path=str(lines(folder / "train.jsonl", *train))),
        held_out=Rows(path=str(lines(folder / "held_out.jsonl", *held_out))),
    )


def asked(question: str) -> dict[str, str]:
    return {"question": question, "answer": "a"}


def test_a_question_in_both_files_is_refused_with_its_rows(tmp_path: Path) -> None:
    both = [asked("Which port?"), asked("And this?"), asked("which PORT")]
    data = split(tmp_path, [asked("Only here?"), *both], [asked("Only there?"), asked("Which  port")])
    with pytest.raises(SourceError, match=r"2 rows of .*train\.jsonl ask .*, the first is row 2, .* row 2 there"):
        sft_chats(data, 1)
    sft_chats(split(tmp_path, [asked("Only here?")], [asked("Only there?")]), 1)


def test_the_passages_before_a_question_make_it_no_other(tmp_path: Path) -> None:
    rows = [{"messages": chat(f"Passages:\n\n[1] Page\ntext {number}\n\nQuestion: Which port?")} for number in range(2)]
    with pytest.raises(SourceError, match="1 rows of"):
        sft_chats(split(tmp_path, rows[:1], rows[1:]), 1)
    with_others = [*rows, *({"messages": chat(f"other {number}")} for number in range(6))]
    one = SftData(train=Rows(path=str(lines(tmp_path / "one.jsonl", *with_others))), held_out_rows=2)
    for seed in range(10):
        sides = sft_chats(one.model_copy(update={"split_seed": seed}), 1)
        about_port = [sum("Which port?" in one[0]["content"] for one in side) for side in sides]
        assert sorted(about_port) == [0, 2]


def test_chats_that_only_open_alike_may_stand_on_both_sides(tmp_path: Path) -> None:
    two = [{"messages": [*chat("Hi", "Hello."), *chat(question)]} for question in ("Which port?", "Which path?")]
    train, held_out = sft_chats(split(tmp_path, two[:1], two[1:]), 1)
    assert (len(train), len(held_out)) == (1, 1)


def test_a_row_to_replay_that_asks_what_is_held_out_is_none(tmp_path: Path) -> None:
    data = split(tmp_path, [asked(f"own {n}") for n in range(8)], [asked("Which port?")])
    general = lines(tmp_path / "general.jsonl", asked("which port"), asked("general"))
    train, _ = sft_chats(data.model_copy(update={"replay": Replay(path=str(general), share=0.5)}), 1)
    assert [one[0]["content"] for one in train[8:]] == ["general"]


def test_a_share_too_small_for_any_question_is_told(tmp_path: Path) -> None:
    file = lines(tmp_path / "same.jsonl", *({"question": "What?", "answer": str(at)} for at in range(4)))
    data = SftData(train=Rows(path=str(file)), held_out_rows=2)
    with pytest.raises(SourceError, match="no question has so few rows that 2 can be held out: hold out 4 or more"):
        sft_chats(data, 0)
