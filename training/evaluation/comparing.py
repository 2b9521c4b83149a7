"""`evaluate compare`: one result folder beside another, and the gate that a release has to pass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.errors import SourceError
from training.evaluation.statistics import cluster_bootstrap, holm, mcnemar
from training.fingerprint import hash_of


class Rule(BaseModel):
    """One demand of a policy. metric: dotted path into results.json; names with dots in them are found, too."""

    model_config = ConfigDict(extra="forbid")

    metric: str = Field(min_length=1)
    at_least: float | None = None
    at_most: float | None = None
    drop_at_most: float | None = Field(None, ge=0)  # against the first folder; for what is better when higher
    rise_at_most: float | None = Field(None, ge=0)  # against the first folder; for what is better when lower

    @model_validator(mode="after")
    def _demands_something(self) -> Self:
        if all(one is None for one in (self.at_least, self.at_most, self.drop_at_most, self.rise_at_most)):
            raise ValueError("give at_least, at_most, drop_at_most or rise_at_most")
        return self


class Policy(BaseModel):
    """Every rule has to hold."""

    model_config = ConfigDict(extra="forbid")

    rules: list[Rule] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Checked:
    """before, after: the metric in the two folders, None where there is none. reason: why it fails, or ''."""

    metric: str
    before: float | None
    after: float | None
    reason: str

    @property
    def passed(self) -> bool:
        return not self.reason


def read_policy(path: Path) -> Policy:
    """Raises SourceError with the first thing that is wrong."""
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        raise SourceError(f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def read_results(folder: Path) -> dict[str, Any]:
    """Raises SourceError where the folder holds no result."""
    path = folder / "results.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: is {folder} the --out of an evaluation? ({error})") from error
    if not isinstance(found, dict) or "kind" not in found:
        raise SourceError(f"{path} is no result of an evaluation")
    return found


def compare(first: Path, second: Path) -> dict[str, Any]:
    """Metrics of both, and for multiple choice paired tests item by item. Raises SourceError for different kinds."""
    before, after = read_results(first), read_results(second)
    if before["kind"] != after["kind"]:
        raise SourceError(f"{first} is of {before['kind']}, {second} of {after['kind']}: compare like with like")
    numbers = dict(_numbers(before)), dict(_numbers(after))
    rows = [
        {"metric": name, "before": numbers[0][name], "after": value, "change": round(value - numbers[0][name], 6)}
        for name, value in numbers[1].items()
        if name in numbers[0]
    ]
    same = before.get("items_hash", before.get("questions_hash")) == after.get(
        "items_hash", after.get("questions_hash")
    )
    paired = _paired(first, second) if before["kind"] == "mcq" and same else []
    return {
        "kind": before["kind"],
        "first": str(first),
        "second": str(second),
        "same_questions": same,
        "metrics": rows,
        "paired": paired,
    }


def gate(first: Path, second: Path, policy: Path) -> list[Checked]:
    """Each rule against the second folder, and where it speaks of a change against the first."""
    before, after = read_results(first), read_results(second)
    return [_checked(rule, before, after) for rule in read_policy(policy).rules]


def evidence(second: Path, policy: Path, checked: Sequence[Checked]) -> dict[str, Any]:
    """What a release is promoted on: the verdict, and hashes of what it was made from."""
    return {
        "passed": all(one.passed for one in checked),
        "policy_hash": hash_of(policy),
        "results_hash": hash_of(second / "results.json"),
        "models": read_results(second).get("models", {}),
        "rules": [
            {"metric": one.metric, "before": one.before, "after": one.after, "reason": one.reason} for one in checked
        ],
    }


def _checked(rule: Rule, before: Mapping[str, Any], after: Mapping[str, Any]) -> Checked:
    was, now = value_at(before, rule.metric), value_at(after, rule.metric)
    if now is None:
        return Checked(rule.metric, was, now, "the second folder has no such figure")
    relative = rule.drop_at_most is not None or rule.rise_at_most is not None
    if relative and was is None:
        return Checked(rule.metric, was, now, "the first folder has no such figure to compare with")
    reasons = []
    if rule.at_least is not None and now < rule.at_least:
        reasons.append(f"{now:g} is less than {rule.at_least:g}")
    if rule.at_most is not None and now > rule.at_most:
        reasons.append(f"{now:g} is more than {rule.at_most:g}")
    if was is not None and rule.drop_at_most is not None and was - now > rule.drop_at_most:
        reasons.append(f"it drops by {was - now:g}, and may by {rule.drop_at_most:g}")
    if was is not None and rule.rise_at_most is not None and now - was > rule.rise_at_most:
        reasons.append(f"it rises by {now - was:g}, and may by {rule.rise_at_most:g}")
    return Checked(rule.metric, was, now, "; ".join(reasons))


def value_at(node: Any, path: str) -> float | None:  # noqa: ANN401  (whatever JSON knows)
    """The number at a dotted path, None where there is none.

    >>> value_at({"arms": {"base.rag": {"accuracy": 0.5}}}, "arms.base.rag.accuracy")
    0.5
    """
    if not path:
        return float(node) if isinstance(node, int | float) and not isinstance(node, bool) else None
    if not isinstance(node, dict):
        return None
    for key, child in node.items():
        if path == key or path.startswith(f"{key}."):
            found = value_at(child, path[len(key) + 1 :])
            if found is not None:
                return found
    return None


def _numbers(node: Any, path: str = "") -> Iterator[tuple[str, float]]:  # noqa: ANN401
    """Figures of a result by their dotted path; lists and what it was made from are left out."""
    if isinstance(node, dict):
        for key, child in node.items():
            if path or key not in {"version", "seed", "retrieval", "versions", "prompt_version", "thresholds"}:
                yield from _numbers(child, f"{path}.{key}" if path else key)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, float(node)


def _paired(first: Path, second: Path) -> list[dict[str, Any]]:
    """By arm: difference of accuracies with its interval, and the exact test, over the items of both."""
    before, after = _items(first), _items(second)
    rows: list[dict[str, Any]] = []
    for name in before:
        common = sorted(set(before[name]) & set(after.get(name, {})))
        if not common:
            continue
        pairs = [(before[name][item], after[name][item]) for item in common]
        clusters = [one["source"] or str(item) for item, (one, _) in zip(common, pairs, strict=True)]
        interval = cluster_bootstrap([float(b["right"]) - float(a["right"]) for a, b in pairs], clusters)
        only_first, only_second, p = mcnemar(
            [bool(a["pooled"]) for a, _ in pairs], [bool(b["pooled"]) for _, b in pairs]
        )
        told = {key: value for key, value in interval.as_dict().items() if key != "standard_error"}
        rows.append(
            {"arm": name, "items": len(common), **told, "only_first": only_first, "only_second": only_second, "p": p}
        )
    adjusted = holm({str(row["arm"]): float(row["p"]) for row in rows})
    return [row | {"p_holm": adjusted[str(row["arm"])]} for row in rows]


def _items(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Rows of items.jsonl by arm and item."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    try:
        lines = (folder / "items.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SourceError(f"{folder} has no items.jsonl: {error.strerror}") from error
    for line in lines:
        row = json.loads(line)
        found.setdefault(row["arm"], {})[int(row["item"])] = row
    return found
