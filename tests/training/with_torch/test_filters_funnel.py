"""All filters in turn, on a real index of the ferry docs."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from app.index.section import Chunk
from training.corpus import Corpus, open_corpus
from training.filters.__main__ import main
from training.filters.duplicates import NearQuestions, jaccard
from training.filters.funnel import Funnel, apply_filters, keep_all
from training.pair import Pair
from training.schema.filters import FilterSettings, Judge

FERRY = Path(__file__).parents[1] / "data" / "ferry"
GOOD = [
    ("How do I limit the speed of a copy?", "Use `--limit` to set the speed in megabytes per second."),
    ("What does a checksum mismatch mean?", "A checksum mismatch means that a file changed while it was copied."),
    ("How do I pause a schedule?", "Run `ferry schedule pause NAME` to pause a schedule."),
]
BAD = {
    "parse": ("How do I update Ferry?", "Run `ferry update` to install the"),
    "length": ("Ports?", "Ferry listens on port 7420."),
    "language": ("Wie begrenze ich das Tempo?", "Man nennt beim Kopieren die gewünschte Zahl an Megabytes je Sekunde."),
    "forthright": ("Which port does Ferry listen on?", "The docs do not specify a port that Ferry listens on."),
    "informative": ("Can Ferry pause a schedule?", "Yes, Ferry can pause a schedule."),
    "grounded": (
        "How often is the key renewed?",
        "Ferry rotates keys through a cloud vault that administrators typically configure with corporate policies.",
    ),
    "self-standing": ("What does this section say of the default limit of the speed?", "The default limit is 40."),
    "commands": ("How do I revoke a machine?", "Run `ferry revoke HOST` to revoke a machine."),
    "near an evaluation question": ("How do I see what was copied?", "`ferry history` lists the last 90 copies."),
    "near-duplicate": (
        "How is the speed of a copy limited?",
        "Use `--limit` to set the speed in megabytes per second.",
    ),
}


@pytest_asyncio.fixture(loop_scope="function")
async def corpus(tmp_path: Path) -> AsyncIterator[Corpus]:
    async with open_corpus(FERRY, tmp_path / "index") as found:
        yield found


def numbered(*texts: tuple[str, str]) -> list[Pair]:
    return [Pair(row, question, answer) for row, (question, answer) in enumerate(texts, start=1)]


def dropped_by(funnel: Funnel) -> dict[int, str]:
    return {one.pair.row: step.name for step in funnel.steps for one in step.dropped}


async def test_every_filter_drops_its_own_and_the_good_ones_are_kept(corpus: Corpus) -> None:
    pairs = numbered(*GOOD, *BAD.values())
    settings = FilterSettings(grounding=0.6)  # of a page of a few lines; the default is for whole docs
    funnel = await apply_filters(pairs, corpus, settings, ["How can I see what was copied?"])
    wanted = dict(enumerate(BAD, start=len(GOOD) + 1))
    assert dropped_by(funnel) == wanted
    assert [pair.row for pair in funnel.kept] == [1, 2, 3]
    before = len(pairs)
    for step in funnel.steps:
        assert step.before == before
        before = step.kept
    assert before == len(funnel.kept)


async def test_kept_pairs_come_back_with_verbatim_quotes_of_their_chunks(corpus: Corpus) -> None:
    funnel = await apply_filters(numbered(*GOOD), corpus, FilterSettings(), ())
    assert len(funnel.kept) == 3
    for pair in funnel.kept:
        assert pair.quotes
        assert all(any(quote in corpus.by_id[one].text for one in pair.chunks) for quote in pair.quotes)


async def test_a_pair_stands_where_it_does_whether_it_is_filtered_or_not(corpus: Corpus) -> None:
    asked_elsewhere = [  # a search for both finds the page of the question first, the answer stands on another
        ("When does a paused schedule run again?", "Ferry encrypts every block with a key."),
        ("What is a checksum mismatch to a schedule?", "Run `ferry schedule pause NAME` to pause a schedule."),
    ]
    pairs = numbered(*GOOD, *asked_elsewhere, BAD["near-duplicate"])
    off = FilterSettings(grounding=0, round_trip=0, self_standing=False, commands=False, min_language=0)
    filtered = (await apply_filters(pairs, corpus, off, ())).kept
    every = (await keep_all(pairs, corpus)).kept
    assert [pair.row for pair in filtered] == [1, 2, 3, 4, 5]
    assert every[:5] == filtered
    assert [corpus.by_id[pair.chunks[0]].path for pair in every[3:5]] == ["security.md", "schedule.md"]
    assert len(every) == len(pairs)


async def test_what_a_pair_came_with_is_left_as_it_is(corpus: Corpus) -> None:
    chunk = next(one for one in corpus.chunks if "default limit is 40" in one.text)
    quote = "Use `--limit` to set the speed in megabytes per second."
    given = Pair(7, *GOOD[0], chunks=(chunk.id,), quotes=(quote,), depth=2, split="train")
    altered = Pair(8, "How fast may a copy be?", GOOD[0][1], chunks=(chunk.id,), quotes=("Use --limit",))
    funnel = await apply_filters([given, altered], corpus, FilterSettings(), ())
    assert funnel.kept == [given]
    assert dropped_by(funnel) == {8: "verbatim quote"}


async def test_an_answer_that_abstains_needs_no_support(corpus: Corpus) -> None:
    pair = Pair(1, "Does Ferry have a plugin for photo editors?", "The docs do not say it.", kind="unanswerable")
    funnel = await apply_filters([pair], corpus, FilterSettings(), ())
    assert funnel.kept == [pair]


async def test_filters_that_are_switched_off_drop_nothing(corpus: Corpus) -> None:
    off = FilterSettings(grounding=0, round_trip=0, self_standing=False, commands=False, min_language=0)
    pairs = numbered(BAD["grounded"], BAD["self-standing"], BAD["commands"], BAD["language"])
    assert len((await apply_filters(pairs, corpus, off, ())).kept) == 4


async def test_a_question_that_does_not_find_its_passage_is_dropped(corpus: Corpus) -> None:
    settings = FilterSettings(grounding=0, round_trip=1)
    pairs = numbered(("How do I pause a schedule?", "Ferry encrypts every block with a key."), GOOD[2])
    assert dropped_by(await apply_filters(pairs, corpus, settings, ())) == {1: "round trip"}


def test_questions_are_near_by_their_words_in_any_order() -> None:
    asked = NearQuestions(0.8)
    asked.add("How do I limit the speed of a copy?")
    assert asked.near("Of a copy, how is the speed limited?")
    assert asked.near("How do I resume a copy?") == ""
    assert jaccard(frozenset("ab"), frozenset("bc")) == 1 / 3


def test_of_many_questions_minhash_misses_none_that_is_as_near_as_asked() -> None:
    words = [f"word{number}" for number in range(400)]
    asked = NearQuestions(0.8)
    questions = [" ".join(words[start : start + 10]) for start in range(0, 390, 5)]
    for question in questions:
        asked.add(question)
    changed = [f"{question.rsplit(' ', 1)[0]} other" for question in questions]  # 9 of 11 words are common
    assert [asked.near(question) for question in changed] == questions


def table(file: Path, *rows: tuple[object, ...]) -> str:
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return str(file)


def test_the_command_fits_measures_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [*GOOD, BAD["grounded"], BAD["commands"], ("How is a copy resumed?", "Drag the slider to the left again.")]
    verdicts = ["true", "true", "true", "false", "false", "false"]
    pairs = table(tmp_path / "pairs.csv", ("question", "answer"), *texts)
    labels = table(
        tmp_path / "labels.csv",
        ("row", "verdict", "self_standing"),
        *((row, verdict, "yes") for row, verdict in enumerate(verdicts)),
    )
    report = tmp_path / "report"
    main(["--pairs", pairs, "--docs", str(FERRY), "--labels", labels, "--kept", labels, "--report", str(report)])
    printed = capsys.readouterr().out
    assert "Weights(added=" in printed
    assert "kept of rows that no weight knows: precision 1.000 (3 of 3" in printed
    assert "recall 1.000 (3 of 3" in printed
    assert "| commands |" in (report / "funnel.md").read_text()


async def test_a_judge_reads_what_the_other_filters_kept(corpus: Corpus) -> None:
    shown: dict[Pair, Sequence[Chunk]] = {}

    async def judging(pairs: Mapping[Pair, Sequence[Chunk]], how: Judge) -> Mapping[Pair, str]:
        assert how.passages == 2
        shown.update(pairs)
        return {pair: "a fee is invented" if place == 0 else "" for place, pair in enumerate(pairs)}

    judge = Judge.model_validate({"model": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}, "passages": 2})
    funnel = await apply_filters(numbered(*GOOD), corpus, FilterSettings(judge=judge), (), judging)
    assert (funnel.steps[-1].name, [one.reason for one in funnel.steps[-1].dropped]) == (
        "judged",
        ["a fee is invented"],
    )
    assert [pair.question for pair in funnel.kept] == [question for question, _ in GOOD[1:]]
    for pair, chunks in shown.items():
        supporting = next((one.chunks for one in funnel.kept if one.question == pair.question), ())
        assert len(chunks) <= 2
        assert set(supporting) <= {one.id for one in chunks}
