"""The benchmark on a real index of the ferry docs, by a scripted endpoint and by the embedded engine."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.answering.scripted_model import Reply, ScriptedModel
from tests.training.with_torch.training_command import docent_train
from training.evaluation.running import McqRun, run_mcq
from training.evaluation.served import read_models
from training.evaluation.statistics import auroc, cluster_bootstrap, detectable_difference, mcnemar

FERRY = Path(__file__).parents[1] / "data" / "ferry"
ROWS = [
    ("Which port does Ferry listen on?", "7420", "80", "443", "2222", "a", "errors.md", "Machine not reachable"),
    ("What is the default limit of Ferry's speed?", "10", "40", "80", "100", "b", "copying.md", "Limit the speed"),
    ("Which Python does Ferry need?", "2.7", "3.8", "3.11", "3.6", "c", "install.md", "Requirements"),
    ("How much disk does Ferry keep free?", "1 GB", "50 MB", "5 GB", "500 MB", "d", "errors.md", "Not enough space"),
]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["question", "a", "b", "c", "d", "correct", "source", "heading"], *ROWS])
    return path


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


def knows_what_it_reads(prompt: str) -> Reply:
    """An endpoint with likelihoods: the option that stands in the passages, or else A."""
    passages, _, asked = prompt.partition("Question: ")
    options = dict(line.split(". ", 1) for line in asked.splitlines() if line[:3] in {"A. ", "B. ", "C. ", "D. "})
    held = [letter for letter, text in options.items() if text in passages]
    chosen = held[0] if held else "A"
    return Reply(chosen, top_logprobs={chosen: -0.1, f" {chosen}": -3.0, "The": -4.0})


def test_each_arm_says_what_it_is_worth(tmp_path: Path, items: Path, model: ScriptedModel) -> None:
    model.respond = knows_what_it_reads
    models = read_models(f"reader={model.base_url}", {})
    asked = McqRun(items, FERRY, models, tmp_path / "out")
    results = run_mcq(asked)
    arms = results.arms
    assert arms["reader.closed"].accuracy == 0.25  # always the first place, which each option takes once
    assert arms["reader.closed"].chosen_places == [1, 0, 0, 0]
    assert arms["reader.closed"].accuracy_by_place == [1, 0, 0, 0]
    assert arms["reader.gold"].accuracy == 1
    assert arms["reader.rag"].accuracy > arms["reader.shuffled"].accuracy
    assert arms["reader.rag"].method == "top_logprobs"
    misses = arms["reader.shuffled"].misses
    assert misses is not None
    assert misses.retrieval_missed > 0
    assert misses.retrieval_missed + misses.model_missed == pytest.approx(
        1 - arms["reader.shuffled"].accuracy, abs=1e-3
    )
    assert (results.clusters, results.clustered_by) == (3, "source")
    requests = len(model.requests)
    assert requests == 4 * 4 * 4  # items, arms, orders
    again = run_mcq(asked)
    assert len(model.requests) == requests  # every score is kept
    assert again.arms == results.arms
    for request in model.requests:  # retrieval by the question alone: options are in no search, but in the prompt
        assert request["max_tokens"] == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    assert len(rows) == 16
    assert {row["miss"] for row in rows if row["arm"] == "reader.shuffled"} >= {"retrieval"}


def test_a_run_that_was_cut_off_asks_only_for_the_rest(tmp_path: Path, items: Path, model: ScriptedModel) -> None:
    model.respond = knows_what_it_reads
    asked = McqRun(items, None, read_models(f"reader={model.base_url}", {}), tmp_path / "out", arms=["closed"])
    run_mcq(asked)
    scores = tmp_path / "out" / "scores.jsonl"
    lines = scores.read_text().splitlines(keepends=True)
    scores.write_text("".join(lines[:2]) + lines[2][:30])
    model.requests.clear()
    assert run_mcq(asked).arms["reader.closed"].accuracy == 0.25
    assert len(model.requests) == 2 * 4


def test_an_endpoint_without_likelihoods_makes_a_constrained_choice(
    tmp_path: Path, items: Path, model: ScriptedModel
) -> None:
    model.respond = lambda prompt: knows_what_it_reads(prompt).text
    asked = McqRun(items, FERRY, read_models(f"reader={model.base_url}", {}), tmp_path / "out", arms=["gold"])
    results = run_mcq(asked)
    assert (results.arms["reader.gold"].accuracy, results.arms["reader.gold"].method) == (1, "choice")
    assert any("constrained choice" in note for note in results.notes)
    assert model.requests[-1]["structured_outputs"] == {"choice": ["A", "B", "C", "D"]}


def test_the_embedded_engine_is_scored_by_letters_and_by_texts(tmp_path: Path, items: Path) -> None:
    """The small model reads an answer off its passages where texts are compared; letters tell it nothing."""
    models = read_models("base=packaged", {})
    by_text = run_mcq(McqRun(items, FERRY, models, tmp_path / "out", arms=["closed", "gold"], scoring="cloze"))
    assert by_text.arms["base.gold"].accuracy > by_text.arms["base.closed"].accuracy
    assert by_text.arms["base.gold"].chosen_places is None
    by_letter = run_mcq(McqRun(items, FERRY, models, tmp_path / "out", arms=["closed"]))
    assert by_letter.arms["base.closed"].method == "prompt_logprobs"
    assert sum(by_letter.arms["base.closed"].chosen_places or []) == pytest.approx(1, abs=1e-3)


def test_the_studys_protocol_counts_rounds_and_says_what_they_are(
    tmp_path: Path, items: Path, model: ScriptedModel
) -> None:
    replies = iter(range(10**6))
    model.respond = lambda _: ["The answer is A", "no idea"][next(replies) % 2]
    models = read_models(f"reader={model.base_url}", {})
    results = run_mcq(McqRun(items, FERRY, models, tmp_path / "out", protocol="study", rounds=3))
    study = results.study
    assert study is not None
    closed = study.arms["reader.closed"]
    assert (closed.rounds, closed.mean, closed.unparsed) == (3, 0.25, 0.5)
    assert "number of cases is 4" in study.shows
    assert {request["temperature"] for request in model.requests} == {0.1}
    assert sorted({request["seed"] for request in model.requests}) == [0, 1, 2]
    assert "number of cases is 4" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "a=http://127.0.0.1:9/v1"], "--docs is missing"),
        (["--models", "none", "--docs", "/nowhere"], "there is no folder /nowhere"),
        (["--models", "a=http://127.0.0.1:9/v1", "--arms", "closed,rga"], "--arms: rga is not one of"),
        (["--models", "a=http://127.0.0.1:9/v1", "--arms", "closed"], "cannot be reached"),
        (
            ["--models", "a=http://127.0.0.1:9/v1", "--arms", "gold", "--protocol", "study", "--docs", "."],
            "has the arms",
        ),
    ],
)
def test_wrong_words_are_one_line(tmp_path: Path, items: Path, words: list[str], message: str) -> None:
    done = docent_train("evaluate", "mcq", "--items", str(items), "--out", str(tmp_path / "out"), *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_mcnemar_is_exact() -> None:
    first, second = [True] * 9 + [False] * 2, [False] * 8 + [True] * 3
    assert mcnemar(first, second) == (8, 2, pytest.approx(0.109375))
    assert mcnemar([True], [True]) == (0, 0, 1.0)


def test_clusters_widen_the_interval() -> None:
    values = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0], 10)
    alone = cluster_bootstrap(values, [str(place) for place in range(80)])
    paged = cluster_bootstrap(values, [str(place // 10) for place in range(80)])
    assert alone.mean == paged.mean == 0.5
    assert alone.error == pytest.approx(math.sqrt(0.25 / 80), rel=0.05)
    assert paged.error == pytest.approx(math.sqrt(0.25 / 8), rel=0.1)
    assert paged.high - paged.low > 2.5 * (alone.high - alone.low)
    assert (cluster_bootstrap([1, 1], ["a", "a"]).low, cluster_bootstrap([1, 1], ["a", "a"]).high) == (0, 1)


def test_two_hundred_and_fifty_items_detect_ten_points() -> None:
    assert detectable_difference(250) == pytest.approx(0.10, abs=0.002)
    assert detectable_difference(50) > 0.2


def test_auroc_counts_ties_half() -> None:
    assert auroc([0.9, 0.8, 0.1], [True, True, False]) == 1
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert math.isnan(auroc([0.5, 0.5], [True, True]))
