"""docent search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
QUESTION = "Why does the lamp flicker?"


@pytest.fixture
def indexed(run: Run, docs: Path) -> Run:
    assert run("index", docs, "--base-url", "https://docs.example.org").code == 0
    return run


def test_results_are_shown_with_place_url_and_text(indexed: Run) -> None:
    done = indexed("search", QUESTION, "-k", "2")

    assert (done.code, done.err) == (0, "")
    lines = done.out.split("\n")
    assert lines[0] == QUESTION
    assert lines[2].startswith("1. faq.md")
    assert lines[3].startswith("   https://docs.example.org/faq")
    assert "A hub without its own power supply" in done.out
    assert "\n2. " in done.out
    assert "\n3. " not in done.out


def test_results_as_json(indexed: Run) -> None:
    found = json.loads(indexed("search", QUESTION, "--json", "-k", "3").out)

    assert found["question"] == QUESTION
    assert len(found["results"]) == 3
    best = found["results"][0]
    assert set(best) == {"chunk_id", "path", "heading_path", "url", "score", "text"}
    assert (best["path"], len(best["chunk_id"])) == ("faq.md", 32)
    assert [hit["score"] for hit in found["results"]] == sorted(
        (hit["score"] for hit in found["results"]), reverse=True
    )


def test_explain_shows_every_stage(indexed: Run) -> None:
    found = json.loads(indexed("search", QUESTION, "--json", "--explain").out)

    stages = found["results"][0]["explain"]
    assert stages["dense"]["rank"] == stages["sparse"]["rank"] == 1
    assert stages["fused"] == found["results"][0]["score"]
    assert stages["rerank"] is None
    assert "'dense': {'rank': 1" in indexed("search", QUESTION, "--explain").out


def test_questions_from_a_file_or_stdin_are_a_line_each(indexed: Run, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text(f"{QUESTION}\n\n  Wie hell? Größe 15\n", encoding="utf-8-sig")

    lines = indexed("search", "--queries", tmp_path / "questions.txt", "--json").out.splitlines()
    piped = indexed("search", "--queries", "-", "--json", stdin=f"{QUESTION}\nWie hell? Größe 15\n").out.splitlines()

    assert [json.loads(line)["question"] for line in lines] == [QUESTION, "Wie hell? Größe 15"]
    assert piped == lines


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("",), "", "the question is empty"),
        (("   ",), "", "the question is empty"),
        (("x" * 4001,), "", "the question has 4001 characters, 4000 are taken"),
        ((), "", "give a question, or --queries FILE"),
        (("lamp", "--queries", "-"), "lamp", "give a question, or --queries FILE"),
        (("--queries", "-"), "\n \n", "--queries - holds no question"),
        (("--queries", "nowhere.txt"), "", "--queries nowhere.txt cannot be read: "),
        (("--queries", "binary.txt"), "", "--queries binary.txt cannot be read: "),
    ],
)
def test_a_refusal_is_one_line(run: Run, tmp_path: Path, arguments: tuple[str, ...], stdin: str, message: str) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")

    done = run("search", *arguments, stdin=stdin)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"docent: {message}")
    assert done.err.count("\n") == 1


def test_nothing_indexed_is_one_line(run: Run) -> None:
    done = run("search", "lamp")

    assert (done.code, done.out) == (1, "")
    assert done.err == "docent: nothing is indexed yet: run `docent index PATH` with the folder of your docs\n"
