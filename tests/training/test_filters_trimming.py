"""What is cut from an answer, and what is left alone."""

from __future__ import annotations

import pytest

from app.index.terms import terms
from training.filters.grounding import repeats_question
from training.filters.trimming import trimmed
from training.pair import Pair

KNOWN = frozenset(terms("Use --limit to set the speed of a copy in megabytes per second. The default limit is 40."))


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("Use `--limit` to set the speed.", "Use `--limit` to set the speed."),
        ("Use `--limit` to set the speed. Video conferences run smoothly then.", "Use `--limit` to set the speed."),
        ("Use `--limit` to set the speed, allowing colleagues to work.", "Use `--limit` to set the speed."),
        ("Use `--limit`, which sets the speed in megabytes.", "Use `--limit`, which sets the speed in megabytes."),
        (
            "Use `--limit` to set the speed. It protects your colleagues. This is the default. The limit is 40.",
            "Use `--limit` to set the speed. The limit is 40.",
        ),
        ("Use `--limit`. The default limit is typically 40.", "Use `--limit`."),
        ("Set it:\n\n1. Open your browser.\n2. Use `--limit`.", "Set it:\n\n1. Open your browser.\n2. Use `--limit`."),
        ("Set the limit.\n\n```\nferry copy\n```\n\nThen enjoy it.", "Set the limit.\n\n```\nferry copy\n```"),
    ],
)  # fmt: skip
def test_what_the_passages_do_not_say_is_cut(answer: str, left: str) -> None:
    assert trimmed(answer, KNOWN) == left


@pytest.mark.parametrize(
    "answer",
    [
        "Colleagues like it.",  # the first sentence stays, whatever it says: the grounding filter looks at it
        "There are several ways to set the speed. Ask an administrator.",
        "The limit plays a crucial role. Colleagues are glad of it.",
        "There are two types: 1. Slow copies. Others please nobody.",
        "Firstly, use `--limit`. Secondly, ask your administrator.",
    ],
)
def test_what_would_be_left_with_an_announcement_stays_whole(answer: str) -> None:
    assert trimmed(answer, KNOWN) == answer


@pytest.mark.parametrize(
    ("question", "answer", "repeats"),
    [
        ("Can Ferry pause a schedule?", "Yes, Ferry can pause a schedule.", True),
        ("Can Ferry pause a schedule?", "Yes: run `ferry schedule pause NAME`.", False),
        ("What can pause a schedule?", "Ferry can pause a schedule.", False),
    ],
)
def test_an_answer_that_repeats_its_question_tells_nothing(question: str, answer: str, repeats: bool) -> None:
    assert repeats_question(Pair(1, question, answer)) is repeats
