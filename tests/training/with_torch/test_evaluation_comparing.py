from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.with_torch.training_command import docent_train
from training.errors import SourceError
from training.evaluation.comparing import compare, gate, read_policy, value_at


def folder(path: Path, right: list[int], **more: Any) -> Path:
    """A result of multiple choice with one arm, an item a page."""
    path.mkdir()
    accuracy = sum(right) / len(right)
    results = {"kind": "mcq", "items_hash": "same", "seed": 1, "arms": {"ours.rag": {"accuracy": accuracy}}} | more
    (path / "results.json").write_text(json.dumps(results))
    rows = [
        {"arm": "ours.rag", "item": number, "right": float(one), "pooled": bool(one), "source": f"{number}.md"}
        for number, one in enumerate(right)
    ]
    (path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def policy(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_two_runs_are_compared_item_by_item(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a", [1, 0, 0, 0] * 5), folder(tmp_path / "b", [1, 1, 1, 0] * 5)
    found = compare(first, second)
    (row,) = found["paired"]
    assert (row["mean"], row["only_first"], row["only_second"]) == (0.5, 0, 10)
    assert row["p"] == pytest.approx(2 / 2**10)
    assert row["low"] > 0
    assert found["metrics"] == [{"metric": "arms.ours.rag.accuracy", "before": 0.25, "after": 0.75, "change": 0.5}]


def test_other_questions_are_not_paired(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a", [1]), folder(tmp_path / "b", [0], items_hash="other")
    found = compare(first, second)
    assert (found["same_questions"], found["paired"]) == (False, [])


def test_like_is_compared_with_like(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a", [1]), folder(tmp_path / "b", [1], kind="answers")
    with pytest.raises(SourceError, match="compare like with like"):
        compare(first, second)
    with pytest.raises(SourceError, match="is /nowhere the --out of an evaluation"):
        compare(first, Path("/nowhere"))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("at_least: 0.7", ""),
        ("at_least: 0.8", "0.75 is less than 0.8"),
        ("at_most: 0.7", "0.75 is more than 0.7"),
        ("drop_at_most: 0", ""),
        ("rise_at_most: 0.1", "it rises by 0.5, and may by 0.1"),
    ],
)
def test_a_rule_holds_or_says_why_not(tmp_path: Path, rule: str, reason: str) -> None:
    first, second = folder(tmp_path / "a", [1, 0, 0, 0]), folder(tmp_path / "b", [1, 1, 1, 0])
    rules = policy(tmp_path / "policy.yaml", f"rules: [{{metric: arms.ours.rag.accuracy, {rule}}}]")
    (checked,) = gate(first, second, rules)
    assert checked.reason == reason


def test_a_figure_that_is_not_there_fails(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a", [1], arms={}), folder(tmp_path / "b", [1])
    rules = policy(
        tmp_path / "policy.yaml",
        "rules: [{metric: arms.ours.gold.accuracy, at_least: 0}, {metric: arms.ours.rag.accuracy, drop_at_most: 1}]",
    )
    gone, unpaired = gate(first, second, rules)
    assert gone.reason == "the second folder has no such figure"
    assert unpaired.reason == "the first folder has no such figure to compare with"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: []", "rules"),
        ("rules: [{metric: a}]", "give at_least, at_most"),
        ("rules: [{metric: a, atleast: 1}]", "Extra inputs"),
        ("rules: [", "cannot be read"),
    ],
)
def test_policies_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_policy(policy(tmp_path / "policy.yaml", text))


def test_a_number_is_found_behind_names_with_dots() -> None:
    tree = {"a": {"b.c": {"d": 1}, "b": {"c": {"e": 2}}}, "x": True}
    assert value_at(tree, "a.b.c.d") == 1
    assert value_at(tree, "a.b.c.e") == 2
    assert value_at(tree, "x") is None
    assert value_at(tree, "a.b") is None


def test_the_gate_says_no_by_its_exit_code_and_leaves_its_verdict(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a", [1, 1, 0, 0]), folder(tmp_path / "b", [1, 0, 0, 0])
    rules = policy(tmp_path / "policy.yaml", "rules: [{metric: arms.ours.rag.accuracy, drop_at_most: 0.1}]")
    refused = docent_train("evaluate", "compare", str(first), str(second), "--gate", str(rules))
    assert refused.returncode == 3
    assert "it drops by 0.25, and may by 0.1" in refused.stdout
    verdict = json.loads((second / "gate.json").read_text())
    assert (verdict["passed"], verdict["rules"][0]["after"]) == (False, 0.25)
    passed = docent_train("evaluate", "compare", str(second), str(first), "--gate", str(rules), "--json")
    assert passed.returncode == 0
    assert json.loads(passed.stdout)["gate"]["passed"] is True
