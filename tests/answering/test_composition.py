"""The text as it grows: numbers by first appearance, and joints between its parts."""

from __future__ import annotations

from app.answering.answer import AnswerCitation, AnswerDelta
from app.answering.composition import Composition
from app.answering.quotes import Quote, quotes_of
from app.answering.segments import Segment, SegmentKind
from app.index.section import Chunk, Span

FIRST, SECOND = "It listens on port 7070.\n\n", "Logs are kept for 14 days. It listens on port 7070."
CHUNK = Chunk(
    "c1",
    "lumen",
    "p.md",
    "Lumen",
    (),
    "p.md",
    FIRST + SECOND,
    (Span(0, len(FIRST), ("Port",), "p.md#port"), Span(len(FIRST), len(FIRST + SECOND), ("Logs",), "p.md#logs")),
    9,
)
PORT, LOGS, PORT_AGAIN = quotes_of(CHUNK, 1)


def segment(kind: SegmentKind, text: str, starts: bool = False) -> Segment:
    return Segment(kind, text, (), starts)


def test_numbers_follow_first_appearance_and_a_quote_keeps_its_own() -> None:
    composition = Composition()
    shown = [
        composition.add(segment("sentence", "Days: 14.", starts=True), LOGS, 0.9),
        composition.add(segment("sentence", "Port 7070."), PORT, 1.7),
        composition.add(segment("sentence", "For 14 days."), LOGS, 0.8),
        composition.add(segment("sentence", "The same words elsewhere."), PORT_AGAIN, 0.8),
    ]
    kinds = [[type(event) for event in events] for events in shown]
    assert kinds == [[AnswerDelta, AnswerCitation], [AnswerDelta, AnswerCitation], [AnswerDelta], [AnswerDelta]]
    assert composition.text == "Days: 14. [1] Port 7070. [2] For 14 days. [1] The same words elsewhere. [2]"
    assert composition.text == "".join(one.text for events in shown for one in events if isinstance(one, AnswerDelta))
    first, second = composition.citations
    assert (first.marker, first.quote, first.url, first.heading_path) == (1, LOGS.text, "p.md#logs", ["Logs"])
    assert (second.marker, second.quote, second.url, second.heading_path) == (2, PORT.text, "p.md#port", ["Port"])
    assert (first.score, second.score) == (0.9, 1.0)
    assert composition.supports == [0.9, 1.7, 0.8, 0.8]
    assert composition.cites(PORT)
    assert not composition.cites(Quote(CHUNK, 1, "sentence", 0, 3))


def test_the_joints() -> None:
    composition = Composition()
    for kind, text, starts in [
        ("sentence", "A.", True),
        ("sentence", "B.", False),
        ("sentence", "C.", True),
        ("item", "- D", False),
        ("item", "- E", True),
        ("code", "```\nf\n```", True),
        ("table", "| g |", True),
        ("sentence", "H.", False),
    ]:
        composition.add(segment(kind, text, starts), PORT, 1.0)  # type: ignore[arg-type]
    assert composition.text == (
        "A. [1] B. [1]\n\nC. [1]\n\n- D [1]\n- E [1]\n\n```\nf\n```\n[1]\n\n| g |\n[1]\n\nH. [1]"
    )


def test_a_paragraph_whose_first_sentence_was_dropped_begins_with_the_next() -> None:
    composition = Composition()
    composition.add(segment("sentence", "A.", starts=True), PORT, 1.0)
    composition.skip(segment("sentence", "dropped", starts=True))
    composition.skip(segment("sentence", "dropped"))
    composition.add(segment("sentence", "B."), PORT, 1.0)
    composition.add(segment("sentence", "C."), PORT, 1.0)
    assert composition.text == "A. [1]\n\nB. [1] C. [1]"
