"""Links around markers, stop sequences and the limit of tokens, whatever pieces the text comes in."""

from __future__ import annotations

import pytest

from app.answering.answer import AnswerCitation, AnswerDelta, AnswerStarted, Citation, Event
from app.openai_api.completion_text import CompletionText, count_tokens

DOCS = "https://docs.example.org"
PUBLIC = "https://docent.example.org/"


def delta(text: str) -> Event:
    return AnswerDelta(text=text)


def cited(marker: int, url: str) -> Event:
    citation = Citation(marker=marker, chunk_id="c", title="t", heading_path=[], url=url, quote="q", score=1)
    return AnswerCitation(citation=citation)


TWO_SENTENCES = [
    delta("Run it. [1]"),
    cited(1, f"{DOCS}/run#start"),
    delta(" Stop it. [2]"),
    cited(2, f"{DOCS}/stop"),
    delta(" Run it again. [1]"),
]
LINKED = f"Run it. [[1]]({DOCS}/run#start) Stop it. [[2]]({DOCS}/stop) Run it again. [[1]]({DOCS}/run#start)"


def fed(text: CompletionText, events: list[Event]) -> list[str]:
    return [*(text.feed(event) for event in events), text.finish()]


def test_a_delta_goes_out_with_the_citation_that_explains_its_marker() -> None:
    assert fed(CompletionText(PUBLIC), TWO_SENTENCES) == [
        "",
        f"Run it. [[1]]({DOCS}/run#start)",
        "",
        f" Stop it. [[2]]({DOCS}/stop)",
        f" Run it again. [[1]]({DOCS}/run#start)",  # a quote cited before is waited for no more
        "",
    ]


def test_text_without_a_marker_goes_out_at_once() -> None:
    text = CompletionText(PUBLIC)
    started = AnswerStarted(id="ans_1", conversation_id="conv_1", question="?")
    assert fed(text, [started, delta("The docs do not say.")]) == ["", "The docs do not say.", ""]
    assert text.finish_reason == "stop"


def test_a_marker_that_is_never_explained_stays() -> None:
    assert fed(CompletionText(PUBLIC), [delta("A. [1]"), delta(" B. [2]")]) == ["", "A. [1]", " B. [2]"]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"{DOCS}/a#b", f"{DOCS}/a#b"),
        ("http://intra/a", "http://intra/a"),
        ("/handbook/how-to/ask#json", "https://docent.example.org/handbook/how-to/ask#json"),
        (f"{DOCS}/a_(b)#f()", f"{DOCS}/a_%28b%29#f%28%29"),
        (f'{DOCS}/a b<c>"\\', f"{DOCS}/a%20b%3Cc%3E%22%5C"),
        ("guide/install.md", ""),
        ("/guide/install", ""),
        ("//evil.example/a", ""),
        ("javascript:alert(1)", ""),
        ("http:///a", ""),
        ("", ""),
    ],
)
def test_targets_of_links(url: str, target: str) -> None:
    said = "".join(fed(CompletionText(PUBLIC), [delta("A. [1]"), cited(1, url)]))
    assert said == (f"A. [[1]]({target})" if target else "A. [1]")


def test_only_the_marker_at_the_end_is_one() -> None:
    events = [delta("```\nfirst = list[1]\n```\n[1]"), cited(1, f"{DOCS}/a")]
    assert "".join(fed(CompletionText(PUBLIC), events)) == f"```\nfirst = list[1]\n```\n\n[[1]]({DOCS}/a)"


def test_the_marker_of_a_table_is_no_row_of_it() -> None:
    events = [delta("| a |\n|---|\n| b |\n[1]"), cited(1, "somewhere")]
    assert "".join(fed(CompletionText(PUBLIC), events)).endswith("| b |\n\n[1]")


@pytest.mark.parametrize(
    ("stop", "end"),
    [
        (["Stop"], "Run it. [[1]](https://docs.example.org/run#start) "),
        (["Run it"], ""),
        ([") Stop"], "Run it. [[1]](https://docs.example.org/run#start"),  # across two deltas
        ([" Stop it", "it."], "Run "),  # the first in the text, not in the list
        (["]]", "it. [[2"], "Run it. [[1"),
    ],
)
def test_the_text_ends_before_a_stop_sequence(stop: list[str], end: str) -> None:
    text = CompletionText(PUBLIC, stop)
    assert "".join(fed(text, TWO_SENTENCES)) == end
    assert text.finish_reason == "stop"


@pytest.mark.parametrize("stop", [["never"], [") Stopping"], ["start) Stop it!", "zz"], ["aab"]])
def test_what_only_begins_like_a_stop_sequence_is_said(stop: list[str]) -> None:
    assert "".join(fed(CompletionText(PUBLIC, stop), TWO_SENTENCES)) == LINKED


def test_a_stop_sequence_in_the_smallest_pieces() -> None:
    text = CompletionText(PUBLIC, ["aab"])
    pieces = fed(text, [delta(char) for char in "xaaab, and more"])
    assert "".join(pieces) == "xa"
    assert pieces[:5] == ["x", "", "", "a", ""]  # held while it may go on to be the sequence, and no longer


def test_the_text_ends_before_the_sentence_that_is_too_much() -> None:
    sentences = ["Run it. [1]", " Stop it. [2]", " Run it again. [1]"]
    costs = [count_tokens(sentence) for sentence in sentences]
    for kept in range(4):
        text = CompletionText(PUBLIC, max_tokens=sum(costs[:kept]) or 1)
        said = "".join(fed(text, TWO_SENTENCES))
        assert LINKED.startswith(said)
        assert said.count("[[") == kept
        assert text.finish_reason == ("length" if kept < 3 else "stop")


def test_what_was_held_for_a_stop_sequence_is_said_when_the_limit_comes_first() -> None:
    text = CompletionText(PUBLIC, [") Stopped"], max_tokens=3)
    assert "".join(fed(text, TWO_SENTENCES)) == "Run it. [[1]](https://docs.example.org/run#start)"
    assert text.finish_reason == "length"


def test_tokens_are_counted_by_bytes() -> None:
    assert [count_tokens(text) for text in ("", "a", "four", "fives", "端口", "🙂")] == [0, 1, 1, 2, 2, 1]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("Press [here](javascript:alert(1)) now.", "Press here now."),
        ("See [the guide](guide.md#start).", "See the guide."),
        ("![A pixel](https://tracker.example/p.png) Done.", "A pixel Done."),
        ("Get [it](https://docs.example.org/a_(b)).", "Get [it](https://docs.example.org/a_(b))."),
        ("Write `[a](b)` for a link.", "Write `[a](b)` for a link."),
        ("```md\n[a](b)\n```", "```md\n[a](b)\n```"),
    ],
)
def test_links_lead_to_web_pages_or_are_words(said: str, sent: str) -> None:
    assert "".join(fed(CompletionText(PUBLIC), [delta(said)])) == sent
