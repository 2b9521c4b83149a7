from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.index.section import Chunk, Span
from training.errors import LeakageFound, SourceError
from training.pair import Pair
from training.splitting import Entry, KnownQuestions, Placed, check_leakage, split_pairs

SECTIONS = 10


def chunk(section: int, number: int = 0) -> Chunk:
    heading = (f"Part {section}",)
    return Chunk(
        id=f"{section}.{number}",
        source="docs",
        path="page.md",
        title="Page",
        heading_path=heading,
        url="",
        text="text",
        spans=(Span(0, 4, heading, ""),),
        tokens=1,
    )


CHUNKS = {one.id: one for section in range(SECTIONS) for one in (chunk(section, 0), chunk(section, 1))}
WORDS = ["amber", "birch", "cedar", "dune", "ember", "flint", "grove", "heath", "inlet", "jetty"]


def pair(row: int, section: int, question: str = "", **given: object) -> Pair:
    question = question or f"What is {WORDS[section]} thing{row}x of kind{row}y?"
    return Pair(row, question, "answer", chunks=(f"{section}.{row % 2}",), **given)  # type: ignore[arg-type]


def entries(side: Sequence[Placed]) -> list[Entry]:
    return [Entry(one.pair.question, one.section) for one in side]


PAIRS = [pair(row, row % SECTIONS) for row in range(100)]


def test_whole_sections_are_held_out() -> None:
    split = split_pairs(PAIRS, CHUNKS, share=0.4, near_duplicate=0.8, seed=1)
    assert len(split.held_out) == 10 * len(split.held_out_sections)
    assert len(split.train) == 100 - len(split.held_out)
    assert {one.section for one in split.held_out} == split.held_out_sections
    assert split.held_out_sections.isdisjoint(one.section for one in split.train)
    assert not split.left_out
    check_leakage(entries(split.train), entries(split.held_out), 0.8)


def test_the_seed_decides_which_sections() -> None:
    held_out = [
        split_pairs(PAIRS, CHUNKS, share=0.25, near_duplicate=0.8, seed=seed).held_out_sections for seed in (1, 1, 2)
    ]
    assert held_out[0] == held_out[1] != held_out[2]


def test_about_the_share_of_the_sections_is_held_out() -> None:
    seeds = range(200)
    held_out = [
        len(split_pairs(PAIRS, CHUNKS, share=0.3, near_duplicate=0.8, seed=seed).held_out_sections) for seed in seeds
    ]
    assert 2.5 < sum(held_out) / len(seeds) < 3.5  # of 10


def test_a_section_is_on_the_same_side_whatever_other_pairs_there_are() -> None:
    whole = split_pairs(PAIRS, CHUNKS, share=0.4, near_duplicate=0.8, seed=1)
    some = split_pairs(PAIRS[::3], CHUNKS, share=0.4, near_duplicate=0.8, seed=1)
    assert some.held_out_sections == whole.held_out_sections


@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_both_sides_have_a_section_at_least(share: float) -> None:
    split = split_pairs(PAIRS, CHUNKS, share=share, near_duplicate=0.8, seed=0)
    assert min(len(split.train), len(split.held_out)) == 10


def test_a_pair_near_a_held_out_question_is_not_trained_on() -> None:
    asked = "How do I change the port of the server?"
    near = [pair(200 + section, section, asked) for section in range(SECTIONS)]
    split = split_pairs([*PAIRS, *near], CHUNKS, share=0.25, near_duplicate=0.8, seed=1)
    assert split.left_out == {"its question is near a held-out one": SECTIONS - len(split.held_out_sections)}
    check_leakage(entries(split.train), entries(split.held_out), 0.8)


def test_what_pairs_say_themselves_decides() -> None:
    told = [pair(row, row % 3, split="held_out" if row % 3 == 2 else "train") for row in range(30)]
    split = split_pairs(told, CHUNKS, share=0.9, near_duplicate=0.8, seed=1)
    assert split.held_out_sections == {"docs#page.md#Part 2"}
    assert (len(split.train), len(split.held_out)) == (20, 10)


def test_a_pair_on_the_wrong_side_of_its_section_is_left_out() -> None:
    told = [*(pair(row, row % 2, split="held_out" if row % 2 else "train") for row in range(10))]
    split = split_pairs([*told, pair(12, 1, split="train")], CHUNKS, share=0.5, near_duplicate=0.8, seed=1)
    assert split.left_out == {"its section is on the other side": 1}


def test_a_pair_whose_chunk_the_docs_have_not_is_left_out() -> None:
    gone = Pair(300, "What was removed last year?", "answer", chunks=("gone",))
    split = split_pairs([*PAIRS, gone], CHUNKS, share=0.25, near_duplicate=0.8, seed=1)
    assert split.left_out == {"its chunk is not in the docs": 1}


def test_pairs_of_one_section_cannot_be_split() -> None:
    with pytest.raises(SourceError, match="in 1 section of the docs"):
        split_pairs([pair(1, 0), pair(2, 0)], CHUNKS, share=0.5, near_duplicate=0.8, seed=0)


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        (Entry("Which port?", "other"), "near a held-out one"),
        (Entry("which PORT", "other"), "near a held-out one"),
        (Entry("The default log level, where is it set?", "other"), "near a held-out one"),
        (Entry("Something else?", "b"), "1 held-out sections are trained on, the first is b"),
        (Entry("Something else?", "a", frozenset({"a", "b"})), "1 held-out sections are trained on, the first is b"),
    ],
)
def test_a_leak_is_named(train: Entry, reason: str) -> None:
    held_out = [Entry("Which port?", "b", frozenset({"a", "b"})), Entry("Where is the default log level set?", "b")]
    with pytest.raises(LeakageFound, match=reason):
        check_leakage([Entry("What else is there?", "a"), train], held_out, 0.8)


def test_a_held_out_row_may_show_what_is_trained_on() -> None:
    check_leakage([Entry("What else is there?", "a")], [Entry("Which port?", "b", frozenset({"a", "b"}))], 0.8)


@pytest.mark.parametrize(
    ("question", "near"),
    [
        ("How do I stop the server?", True),
        ("how to stop servers", True),
        ("How do I stop the server at night?", False),
        ("How do I start the server?", False),
        ("?", False),
    ],
)
def test_questions_of_the_same_words_are_near(question: str, near: bool) -> None:
    assert KnownQuestions(["How do I stop the server?", "Why?"], 0.8).has_near(question) is near
