"""From outcomes to figures: accuracies with intervals, differences with tests, likings for a place, kinds of misses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from training.evaluation.items import Item
from training.evaluation.mcq import ORDERS, ArmResult
from training.evaluation.results import ArmEntry, Difference, Misses
from training.evaluation.results import Interval as IntervalEntry
from training.evaluation.statistics import Interval, cluster_bootstrap, detectable_difference, holm, mcnemar
from training.evaluation.trivial import LONGEST

_WITHIN = (("closed", "rag"), ("rag", "gold"), ("closed", "shuffled"))


class Tables:
    """Of one run. trivial: scores by arm and item, in the order of `items`."""

    def __init__(
        self, items: Sequence[Item], trivial: Mapping[str, Sequence[float]], arms: Sequence[ArmResult]
    ) -> None:
        self._items = items
        self._arms = {arm.name: arm for arm in arms}
        sourced = all(item.source for item in items)
        self.clustered_by = "source" if sourced else "item"
        self._cluster = {item.number: item.source if sourced else str(item.number) for item in items}
        self._scores = {
            name: dict(zip((item.number for item in items), scores, strict=True)) for name, scores in trivial.items()
        }
        self._scores |= {arm.name: {one.item: one.right for one in arm.outcomes} for arm in arms}
        self._choices = {name: {item: score == 1 for item, score in self._scores[name].items()} for name in trivial}
        self._choices |= {arm.name: {one.item: one.pooled for one in arm.outcomes} for arm in arms}

    @property
    def clusters(self) -> int:
        return len(set(self._cluster.values()))

    def entries(self) -> dict[str, ArmEntry]:
        """An arm that could be asked about no item has none."""
        return {name: self._entry(name) for name, scores in self._scores.items() if scores}

    def _entry(self, name: str) -> ArmEntry:
        scores = self._scores[name]
        interval = cluster_bootstrap(list(scores.values()), [self._cluster[item] for item in scores])
        entry = ArmEntry(accuracy=round(interval.mean, 4), interval=_entry_of(interval), items=len(scores))
        if name not in self._arms:
            return entry
        arm = self._arms[name]
        choices = self._choices[name]
        return entry.model_copy(
            update={
                "left_out": len(arm.left_out),
                "pooled_accuracy": round(sum(choices.values()) / len(choices), 4),
                "misses": _misses(arm),
                **_by_place(arm),
                "method": arm.outcomes[0].method,
                "seconds": round(sum(one.seconds for one in arm.outcomes), 1),
                "prompt_tokens": sum(one.prompt_tokens for one in arm.outcomes),
            }
        )

    def differences(self) -> list[Difference]:
        """Of each model its arms, of each arm the models pairwise, and each arm against the longest option."""
        pairs = [pair for pair in self._pairs() if self._common(*pair)]
        found = [self._difference(first, second) for first, second in pairs]
        adjusted = holm({f"{one.first} {one.second}": one.p for one in found})
        return [one.model_copy(update={"p_holm": adjusted[f"{one.first} {one.second}"]}) for one in found]

    def detectable(self) -> tuple[float, str]:
        """What the median of the measured differences between arms can detect, or else what paired items can."""
        errors = [
            one.interval.standard_error
            for one in self.differences()
            if one.interval.standard_error and one.first in self._arms
        ]
        if not errors:
            return detectable_difference(len(self._items)), "paired items of which 32 % differ between two arms"
        middle = sorted(errors)[len(errors) // 2]
        return detectable_difference(len(self._items), middle), "the median standard error of the differences measured"

    def _pairs(self) -> list[tuple[str, str]]:
        models = list(dict.fromkeys(arm.model for arm in self._arms.values()))
        kinds = list(dict.fromkeys(arm.arm for arm in self._arms.values()))
        pairs = [(f"{model}.{first}", f"{model}.{second}") for model in models for first, second in _WITHIN]
        pairs += [
            (f"{first}.{kind}", f"{second}.{kind}")
            for kind in kinds
            for first, second in itertools.combinations(models, 2)
        ]
        pairs += [(LONGEST, name) for name in self._arms]
        return [pair for pair in pairs if all(one in self._scores for one in pair)]

    def _common(self, first: str, second: str) -> list[int]:
        return [item for item in self._scores[first] if item in self._scores[second]]

    def _difference(self, first: str, second: str) -> Difference:
        items = self._common(first, second)
        less = [self._scores[second][item] - self._scores[first][item] for item in items]
        interval = cluster_bootstrap(less, [self._cluster[item] for item in items])
        choices = ([self._choices[name][item] for item in items] for name in (first, second))
        only_first, only_second, p = mcnemar(*choices)
        return Difference(
            first=first,
            second=second,
            items=len(items),
            difference=round(interval.mean, 4),
            interval=_entry_of(interval),
            only_first=only_first,
            only_second=only_second,
            p=p,
            p_holm=p,
        )


def _entry_of(interval: Interval) -> IntervalEntry:
    error = None if math.isnan(interval.error) else round(interval.error, 4)
    return IntervalEntry(low=round(interval.low, 4), high=round(interval.high, 4), standard_error=error)


def _misses(arm: ArmResult) -> Misses | None:
    known = [one for one in arm.outcomes if one.holds_source is not None]
    if not known or arm.arm == "closed":
        return None
    missed = sum(1 - one.right for one in known if not one.holds_source)
    wrong = sum(1 - one.right for one in known if one.holds_source)
    hit = sum(bool(one.holds_source) for one in known)
    return Misses(
        retrieval_missed=round(missed / len(known), 4),
        model_missed=round(wrong / len(known), 4),
        retrieval_hit=round(hit / len(known), 4),
    )


def _by_place(arm: ArmResult) -> dict[str, list[float]]:
    """Of cloze there are no places."""
    if not all(len(one.orders) == ORDERS for one in arm.outcomes):
        return {}
    chosen = [place for one in arm.outcomes for place in one.shown_at()]
    right: list[list[bool]] = [[] for _ in range(ORDERS)]
    for one in arm.outcomes:
        for shift, place in enumerate(one.shown_at()):
            at = (one.correct - shift) % ORDERS
            right[at].append(place == at)
    return {
        "chosen_places": [round(chosen.count(place) / len(chosen), 4) for place in range(ORDERS)],
        "accuracy_by_place": [round(sum(values) / len(values), 4) for values in right],
    }
