from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from training.errors import SourceError
from training.evaluation.items import Item, read_items, unlabelled
from training.evaluation.results import Results
from training.evaluation.running import McqRun, run_mcq
from training.evaluation.scoring import probabilities
from training.evaluation.served import read_models
from training.evaluation.study_protocol import said_letter
from training.evaluation.trivial import trivial_arms

HEADER = ["question", "a", "b", "c", "d", "correct"]


def written(folder: Path, *rows: list[str], header: list[str] = HEADER) -> Path:
    path = folder / "items.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def item(*options: str, correct: int = 0) -> Item:
    return Item(1, "Which port?", options, correct)


def test_labels_within_options_are_taken_off(tmp_path: Path) -> None:
    labelled = ["Which port?", "A. 7420", "B) 80", "(C) 22", "d: 443", "b"]
    plain = ["Which team?", "A team", "B team", "C team", "D team", " C. "]
    first, second = read_items(written(tmp_path, labelled, plain))
    assert (first.options, first.correct) == (("7420", "80", "22", "443"), 1)
    assert (second.options, second.correct) == (("A team", "B team", "C team", "D team"), 2)


def test_a_label_of_another_place_is_text() -> None:
    assert unlabelled(["B. one", "A. two", "C. three", "D. four"])[0] == "B. one"


def test_source_and_heading_are_read_where_they_are(tmp_path: Path) -> None:
    row = ["Which port?", "1", "2", "3", "4", "a", "errors.md", "Machine not reachable"]
    (one,) = read_items(written(tmp_path, row, header=[*HEADER, "source", "heading"]))
    assert (one.source, one.heading) == ("errors.md", "Machine not reachable")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["", "1", "2", "3", "4", "a"], "row 1 has no question"),
        (["Which?", "1", "2", "3", "4", "e"], "row 1: correct is 'e', and not one of a, b, c, d"),
        (["Which?", "1", "2", "3", "4", ""], "row 1: correct is ''"),
        (["Which?", "A. ", "B. 2", "C. 3", "D. 4", "a"], "row 1: the right option is empty"),
    ],
)
def test_what_is_no_item_is_named_by_its_row(tmp_path: Path, row: list[str], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_items(written(tmp_path, row))


def test_files_that_hold_no_items_say_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no items"):
        read_items(written(tmp_path))
    with pytest.raises(SourceError, match="no column correct"):
        read_items(written(tmp_path, header=HEADER[:-1]))
    with pytest.raises(SourceError, match="cannot be read"):
        read_items(tmp_path / "missing.csv")


def test_every_option_stands_at_every_place_once() -> None:
    orders = [item("1", "2", "3", "4").order(shift) for shift in range(4)]
    assert orders[1] == (1, 2, 3, 0)
    assert all(sorted(order[place] for order in orders) == [0, 1, 2, 3] for place in range(4))


def test_trivial_arms() -> None:
    items = [item("long one", "b", "c", "d"), item("a", "b", "the longest", "d", correct=3)]
    arms = trivial_arms(items, seed=1)
    assert arms["always_a"] == [1, 0]
    assert arms["always_d"] == [0, 1]
    assert arms["longest_option"] == [1, 0]
    assert sum(sum(trivial_arms([items[0]] * 400, seed=1)["random"]) for _ in range(1)) == pytest.approx(100, abs=30)


def test_without_models_the_set_itself_is_measured(tmp_path: Path) -> None:
    rows = [[f"Which port {row}?", "1", "2", "3", "a longer one", "abcd"[row % 4]] for row in range(8)]
    results = run_mcq(McqRun(written(tmp_path, *rows), None, [], tmp_path / "out"))
    assert {name: arm.accuracy for name, arm in results.arms.items() if name != "random"} == {
        "always_a": 0.25, "always_b": 0.25, "always_c": 0.25, "always_d": 0.25, "longest_option": 0.25
    }  # fmt: skip
    stored = Results.model_validate(json.loads((tmp_path / "out" / "results.json").read_text()))
    assert stored == results
    page = (tmp_path / "out" / "report.html").read_text()
    assert "longest_option" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base", "'base' is not name=URL or name=PATH"),
        ("base=", "is not name=URL"),
        ("a b=http://h/v1", "is not name=URL"),
        ("base=/nowhere", "/nowhere is no URL, GGUF file, folder of safetensors, or `packaged`"),
        ("a=http://h/v1,a=http://i/v1", "two models have one name"),
    ],
)
def test_models_that_cannot_be_meant(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_models(text, {})


def test_models_by_url_file_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setenv("THE_KEY", "secret")
    text = f"gpt-4=https://h.example/v1#gpt-4,small={tmp_path / 'model.gguf'},ours={tmp_path},base=packaged"
    models = read_models(text, {"gpt-4": "THE_KEY"})
    assert [one.kind for one in models] == ["endpoint", "gguf", "safetensors", "gguf"]
    assert (models[0].place, models[0].model, models[0].identity) == (
        "https://h.example/v1", "gpt-4", "https://h.example/v1#gpt-4"
    )  # fmt: skip
    assert models[1].identity != models[3].identity
    assert "secret" not in repr(models)
    with pytest.raises(SourceError, match="OTHER_KEY is not set"):
        read_models(text, {"gpt-4": "OTHER_KEY"})
    with pytest.raises(SourceError, match="there is no model gpt-5"):
        read_models(text, {"gpt-5": "THE_KEY"})


def test_letters_in_replies() -> None:
    assert [said_letter(text) for text in ("B", "b.", "Answer: C", "(D)", "A's", "Because", "")] == list("BBCD") + [
        ""
    ] * 3


def test_probabilities_sum_to_one() -> None:
    assert sum(probabilities([-1000.0, -1001.0, -1002.0, -3000.0])) == pytest.approx(1)
