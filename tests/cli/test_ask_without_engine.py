"""docent ask where the model's endpoint does not answer: the docs do, as through a service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]
NOBODY = {"DOCENT_LLM__BASE_URL": "http://127.0.0.1:9/v1", "DOCENT_LLM__MODEL": "none"}  # the port of `discard`


def test_every_question_is_answered_in_quotes(run: Run, docs: Path, tmp_path: Path) -> None:
    (docs / "lamps.md").write_text(
        "# Lamps\n\n## Dim a lamp\n\nRun the lamp dim command to dim a lamp.\n\n```bash\nlamp dim\nlamp status\n```\n",
        encoding="utf-8",
    )
    assert run("index", docs).code == 0
    questions = tmp_path / "questions.txt"
    questions.write_text("How do I dim a lamp?\nWhich command dims a lamp?\n", encoding="utf-8")

    done = run("ask", "--questions", questions, "--json", **NOBODY)

    answers = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert "Answers are nothing but quotes." in done.err
    assert [one["question"] for one in answers] == ["How do I dim a lamp?", "Which command dims a lamp?"]
    assert {one["kind"] for one in answers} == {"extractive"}
    assert all("engine_unavailable" in one["reasons"] and one["decision"] == "draft" for one in answers)


def test_quoted_code_keeps_its_lines(run: Run, docs: Path) -> None:
    (docs / "lamps.md").write_text(
        "# Lamps\n\n## Dim a lamp\n\nTo dim a lamp, run these:\n\n```bash\nlamp dim\nlamp status\n```\n",
        encoding="utf-8",
    )
    assert run("index", docs).code == 0

    done = run("ask", "How do I dim a lamp?", **NOBODY)

    assert "    lamp dim\n    lamp status\n" in done.out
