"""What a dry run of `prepare` tells before anything is embedded or asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.training.ferry import DOCS, PAIRS, TICKETS
from training.carrying_out import carry_out, examine
from training.errors import PreflightFailed
from training.schema.prepare import PrepareRecipe

DEAD = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}


def recipe(folder: Path, **changes: Any) -> PrepareRecipe:
    tree = {
        "output_dir": str(folder / "out"),
        "docs": str(DOCS),
        "pairs": [{"path": str(PAIRS)}],
        "formats": ["preferences"],
        "outcomes": [{"path": str(TICKETS)}],
    }
    return PrepareRecipe.model_validate(tree | changes)


def told(folder: Path, **changes: Any) -> dict[str, tuple[str, str]]:
    return {one.check: (one.level, one.text) for one in examine("prepare", recipe(folder, **changes))}


def lines(file: Path, *rows: object) -> list[dict[str, str]]:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [{"path": str(file)}]


def test_what_is_there_is_told(tmp_path: Path) -> None:
    with ScriptedModel() as model:
        found = told(tmp_path, rejecting={"base_url": model.base_url, "model": "m"})
        assert not model.requests
    assert found["docs"] == ("ok", "6 chunks")
    assert found["outcomes"] == ("ok", "3 of 5 have a draft and what was sent instead")
    assert found["rejecting"] == ("ok", f"m at {model.base_url}")


def test_an_empty_docs_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "picture.png").write_bytes(b"x")
    level, text = told(tmp_path, docs=str(tmp_path / "docs"))["docs"]
    assert level == "error"
    assert text.endswith("docs holds no page that can be read: set `docs` to the documentation")


@pytest.mark.parametrize(("others", "level"), [([], "error"), ([{"question": "a", "answer": "b"}], "warning")])
def test_docs_that_the_pairs_were_not_made_from_are_an_error(
    tmp_path: Path, others: list[dict[str, str]], level: str
) -> None:
    gone = {"question": "Which port?", "answer": "8080", "chunks": ["0" * 32]}
    assert told(tmp_path, pairs=lines(tmp_path / "pairs.jsonl", gone, *others))["docs"][0] == level


def test_outcomes_that_cannot_be_used_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    advice = "write tickets of the tickets API there, one a line, or take it out of `outcomes`"
    missing = {"path": str(file)}
    assert told(tmp_path, outcomes=[missing])["outcomes"] == ("error", f"there is no file {file}: {advice}")
    assert told(tmp_path, outcomes=lines(file))["outcomes"] == ("error", f"{file} holds no rows: {advice}")
    no_ticket = told(tmp_path, outcomes=lines(file, {"result": "yes"}))["outcomes"]
    assert no_ticket == ("error", f"{file}: row 1 is no ticket of the tickets API: result: {advice}")
    level, text = told(tmp_path, outcomes=lines(file, {"result": None}, {"result": None}))["outcomes"]
    assert level == "error"
    assert text.startswith("none of 2 can be used: nothing was sent instead of it (2): name tickets")


def test_an_endpoint_that_does_not_answer_is_an_error_without_answers_of_an_earlier_run(tmp_path: Path) -> None:
    level, text = told(tmp_path, rejecting=DEAD)["rejecting"]
    assert level == "error"
    assert text.startswith("http://127.0.0.1:9/v1 does not answer: ")
    assert text.endswith("start the model, or set rejecting.base_url to one that runs")
    with pytest.raises(PreflightFailed, match=r"rejecting: http://127\.0\.0\.1:9/v1 does not answer"):
        carry_out("prepare", recipe(tmp_path, rejecting=DEAD))
    (tmp_path / "out" / "answers").mkdir()
    assert told(tmp_path, rejecting=DEAD)["rejecting"][0] == "warning"
