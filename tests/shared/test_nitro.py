"""Quality on a second corpus that is not part of this project: NITRO names the folder that has its docs/."""

import asyncio
import csv
import os
import re
from pathlib import Path

import pytest

from app.config import Settings
from app.index.indexer import IndexRequest
from app.runtime import open_core
from bench.answers import ask_all, summarise
from bench.questions import load_questions, measuring_half
from bench.retrieval import measure_retrieval
from bench.service import docent_serve
from training.evaluation.items import read_items

ITEMS = Path(__file__).parents[1] / "data" / "nitro_mcq.csv"
NITRO = Path(os.environ.get("NITRO", "")) / "docs"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not os.environ.get("NITRO") or not NITRO.is_dir(), reason="NITRO names no folder with docs/"),
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nitro")

    async def index() -> None:
        async with open_core(Settings(data_dir=folder)) as core:
            await core.indexer.index(IndexRequest((NITRO.resolve(),)), lambda _: None)

    asyncio.run(index())
    return folder


def test_the_right_page_is_among_the_first_three(data_dir: Path) -> None:
    measured = asyncio.run(measure_retrieval(data_dir, load_questions("nitro")))
    assert measured["hit@3"] >= 0.95, measured
    assert measured["mrr"] >= 0.88, measured


def test_every_label_names_a_file() -> None:
    labelled = {path for one in load_questions("nitro") for path in one.files}
    assert [path for path in labelled if not (NITRO / path).is_file()] == []


def test_every_item_names_a_page_and_a_heading_of_it() -> None:
    for item in read_items(ITEMS):
        page = (NITRO / item.source).read_text(encoding="utf-8")
        assert item.heading in page, item


def test_no_item_is_near_a_pair_that_models_are_trained_on() -> None:
    """By the share of common words, stop words and all: half of them at most."""
    with (NITRO.parent / "qa_pairs.csv").open(newline="", encoding="utf-8") as file:
        pairs = [frozenset(words(row["question"])) for row in csv.DictReader(file)]
    nearest = {
        item.number: max(len(asked & pair) / len(asked | pair) for pair in pairs)
        for item in read_items(ITEMS)
        for asked in [frozenset(words(item.question))]
    }
    assert {number: share for number, share in nearest.items() if share >= 0.6} == {}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9_.]+", text.lower())


def test_answers_quote_to_the_letter_and_refuse_what_the_docs_do_not_hold(data_dir: Path) -> None:
    questions = measuring_half(load_questions("nitro"))[::3]
    with docent_serve(data_dir) as service:
        answered = ask_all(service, questions)
    summary = asyncio.run(summarise(data_dir, answered))
    assert summary["quotes"] > 0
    assert summary["quotes_verbatim"] == 1.0, summary
    assert summary["refused_answerable"] <= 0.3, summary
    assert summary["replied_to_unanswerable_and_off_topic"] <= 0.35, summary
