"""A megabyte that is made to take long, or to break something."""

from __future__ import annotations

import time

import pytest

from tests.tickets.text.labelled import outcome

SIZE = 1_000_000
# Measured: under a second each, alone on one core. What grows with the square of the length takes minutes.
SECONDS = 8.0

TEXTS = [
    "thanks ",
    "how ",
    "can you help me ",
    "is this a bug ",
    "a. ",
    "?",
    "a? ",
    "- x\n",
    "1. How?\n",
    '"a ',
    "`a",
    "funktioniert ",
    "On 1 a wrote:\n",
    "On a wrote ",
    "Am 1 schrieb ",
    "From: a\nSubject: b\nx\n",
    "> a\n",
    ">",
    "--\n",
    "_" * 32 + "\n",
    "-----Original Message-----\n",
    "```\n",
    "[log 1: x]\n",
    "this email may be ",
    "viele grüße und ",
    "Also, it fails.\n",
    'Traceback (most recent call last):\n  File "a", line 1\nE: x\n',
    "  at a (b.js:1:1)\n",
    "#1 a(",
    "$ a b\n",
    "2024-01-01 10:10:10 ERROR a: b: c\n",
    "a:",
    "E0432 ",
    "1.1.1.",
    "aa",
    " ",
    "\n",
    "\x1b[",
    "\x1b]",
    "\u200b",
    "\x00",
    "。",
]
PAGES = [
    "<div>",
    "<b>x",
    "<",
    "<!--",
    "<script",
    "<p style='display:none'>",
    "<div class=gmail_quote>a",
    "<div id=divRplyFwdMsg>a</div>",
    "<blockquote type=cite>a",
    "<ul><li>",
    "<table><tr><td>",
    "<br>",
    "&lt;",
    "data:a;base64,",
    "<pre>a</pre>",
]


@pytest.mark.parametrize("piece", TEXTS, ids=ascii)
def test_a_long_text(piece: str) -> None:
    check((piece * (SIZE // len(piece) + 1))[:SIZE], "text")


@pytest.mark.parametrize("piece", PAGES, ids=ascii)
def test_a_long_page(piece: str) -> None:
    check((piece * (SIZE // len(piece) + 1))[:SIZE], "html")


def check(body: str, content_type: str) -> None:
    started = time.perf_counter()
    found = outcome("x " * 1000, body, content_type)
    assert time.perf_counter() - started < SECONDS
    assert len(found.questions) <= 5
    assert all(len(question.text) < 20_000 for question in found.questions)
    assert all(len(term) <= 160 for question in found.questions for term in question.query_terms)
    reasons = {cut.reason for cut in found.clean.cuts}
    assert "too_long" in reasons
    assert sum(len(cut.text) for cut in found.clean.cuts if cut.reason == "too_long") == SIZE - 160_000


def test_the_end_of_a_long_text_is_read() -> None:
    found = outcome("", "The import fails.\n\n" + "x " * 200_000 + "\n\nWhere is the size limit set?")
    assert found.questions[-1].asked == "Where is the size limit set?"


def test_a_subject_of_any_kind() -> None:
    for subject in ["Re: " * 50_000, "[a]" * 50_000, "\x00\ud800", "how " * 100_000, "\n\n"]:
        assert len(outcome(subject, "").questions) <= 1
