from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.answering.scripted_model import Reply, ScriptedModel
from training.corpus import read_chunks
from training.errors import SourceError
from training.evaluation.command import app
from training.evaluation.items import read_items
from training.evaluation.making import Making, make_items
from training.evaluation.ticket_questions import questions_of_tickets, write_questions
from training.schema.teacher import Requests, Teacher
from training.teacher.endpoint import TeacherRefuses

FERRY = Path(__file__).parent / "data" / "ferry"
PAGES = {chunk.path: chunk for chunk in read_chunks(FERRY)}


@pytest.fixture
def teacher() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


def asked(folder: Path, teacher: ScriptedModel, **more: Any) -> Making:
    model = Teacher.model_validate({"base_url": teacher.base_url, "model": "scripted"})
    return Making(FERRY, folder / "items.csv", model, Requests(retries=0, concurrency=1), **more)


def reply(*items: dict[str, Any]) -> str:
    return json.dumps({"items": items})


def written(passage: str, **change: Any) -> dict[str, Any]:
    """An item of the passage's last line."""
    quote = passage.splitlines()[-1]
    return {
        "quote": quote,
        "question": f"What holds of {quote[:30]}?",
        "right": "one",
        "wrong": ["two", "three", "four"],
    } | change


def passage_of(prompt: str) -> str:
    return prompt.partition("</passage>")[0].strip()


def test_items_come_with_their_page_and_wait_for_a_person(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda prompt: reply(written(passage_of(prompt)))
    counts = make_items(asked(tmp_path, teacher))
    items = read_items(tmp_path / "items.csv")
    assert counts["kept"] == len(items) == len(PAGES)
    assert {item.source for item in items} == set(PAGES)
    assert not any(item.reviewed for item in items)
    assert {item.options[item.correct] for item in items} == {"one"}
    places = [item.correct for item in items]
    assert max(map(places.count, range(4))) - min(map(places.count, range(4))) <= 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wrong": ["two", "three"]}, "not four different options"),
        ({"wrong": ["two", "Two.", "four"]}, "not four different options"),
        ({"quote": "Ferry flies."}, "quote is not in the docs"),
        ({"question": "What does this section say of ports?"}, "not self-standing"),
        ({"question": "Which port does Ferry use?"}, "asked before"),
    ],
)
def test_what_cannot_be_used_is_counted(
    tmp_path: Path, teacher: ScriptedModel, change: dict[str, Any], reason: str
) -> None:
    teacher.respond = lambda prompt: reply(written(passage_of(prompt), **change))
    counts = make_items(asked(tmp_path, teacher))
    assert counts[reason] >= counts["written"] - 1


def test_what_the_teacher_said_is_kept(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda prompt: reply(written(passage_of(prompt)))
    make_items(asked(tmp_path, teacher, limit=3))
    assert len(teacher.requests) == 3
    (tmp_path / "items.csv").unlink()
    make_items(asked(tmp_path, teacher, limit=3))
    assert len(teacher.requests) == 3
    with pytest.raises(SourceError, match="is there already"):
        make_items(asked(tmp_path, teacher))


def test_a_teacher_that_refuses_is_told(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda _: Reply("no", status=401)
    with pytest.raises(TeacherRefuses, match="the same command goes on"):
        make_items(asked(tmp_path, teacher))
    assert not (tmp_path / "items.csv").exists()


def test_each_verdict_is_saved_at_once(tmp_path: Path, teacher: ScriptedModel) -> None:
    teacher.respond = lambda prompt: reply(written(passage_of(prompt)))
    make_items(asked(tmp_path, teacher, limit=4))
    path = tmp_path / "items.csv"
    first = CliRunner().invoke(app, ["review", str(path)], input="k\nx\nwhat\nq\n")
    assert first.exit_code == 0
    assert "1 kept, 1 dropped, 2 left" in first.stdout
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["keep", "drop", "", ""]
    wrong = "abcd".replace(rows[2]["correct"], "")[0]
    second = CliRunner().invoke(app, ["review", str(path)], input=f"{wrong}\ns\n")
    assert "2 kept, 1 dropped, 1 left" in second.stdout
    items = read_items(path)
    assert len(items) == 3
    assert "abcd"[items[1].correct] == wrong


def ticket(**change: Any) -> dict[str, Any]:
    chunk = PAGES["errors.md"]
    result = {
        "question": "Which port?", "text": "Port 7420 [1].", "citations": [{"marker": 1, "chunk_id": chunk.id}]
    }  # fmt: skip
    return {"id": "tic_1", "result": result, "outcome": {"outcome": "accepted"}} | change


def test_tickets_become_labelled_questions(tmp_path: Path) -> None:
    edited = ticket(id="tic_2", outcome={"outcome": "edited", "text": "It is 7420."})
    rows = [ticket(), edited, ticket(outcome=None), ticket(outcome={"outcome": "rejected"})]
    path = tmp_path / "tickets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found, counts = questions_of_tickets(path, FERRY)
    assert [one["reference"] for one in found] == ["Port 7420 [1].", "It is 7420."]
    assert found[0]["files"] == ["errors.md"]
    assert counts == {"questions": 2, "no outcome yet": 1, "what was sent is not known": 1}
    write_questions(tmp_path / "out.jsonl", found)
    with pytest.raises(SourceError, match="is there already"):
        write_questions(tmp_path / "out.jsonl", found)


def test_a_line_that_is_no_ticket_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tickets.jsonl"
    path.write_text('{"result": "yes"}\n')
    with pytest.raises(SourceError, match="row 1 is no ticket"):
        questions_of_tickets(path, FERRY)
