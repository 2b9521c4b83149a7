"""Pages about docent-train: its commands parse, their recipes are valid, and the reference has every key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.docs import result_fields
from tests.docs.recipe_keys import reference
from tests.docs.test_docs import DOCS, ROOT, TEXTS, docent_lines, named
from training.chain import load_chain
from training.cli import app
from training.recipe import load_recipe

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
PAGES = [*TEXTS, ROOT / "training" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_docent_train_commands_in_the_docs_parse(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for stage, *words in docent_lines(page, "docent-train"):
        if stage == "evaluate":
            kind, *options = words
            assert COMMANDS[stage].commands[kind].make_context("docent-train", options).params
            continue
        given = COMMANDS[stage].make_context("docent-train", words).params
        settings = given["settings"] or []
        if stage == "run":
            assert load_chain(given["file"], settings)
        else:
            assert load_recipe(stage, given["recipe"], settings)


def test_the_guide_has_commands() -> None:
    guide = DOCS / "how-to" / "train-a-model.md"
    assert {words[0] for words in docent_lines(guide, "docent-train")} >= {
        "run",
        "generate",
        "prepare",
        "sft",
        "export",
    }


def test_the_other_guide_has_every_kind_of_evaluation() -> None:
    guide = DOCS / "how-to" / "measure-a-model.md"
    kinds = {words[1] for words in docent_lines(guide, "docent-train") if words[0] == "evaluate"}
    assert kinds == set(COMMANDS["evaluate"].commands)


def test_reference_has_every_field_of_results() -> None:
    page = (DOCS / "reference" / "evaluation.md").read_text(encoding="utf-8")
    assert page == result_fields.reference()
    assert "|  |" not in page


def test_reference_has_every_key() -> None:
    page = (DOCS / "reference" / "training.md").read_text(encoding="utf-8")
    assert page == reference()
    assert "|  |" not in page  # every key has a meaning
