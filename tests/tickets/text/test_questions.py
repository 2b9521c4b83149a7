"""How the questions of a ticket are told apart, and what each carries along."""

from __future__ import annotations

from app.tickets.text.folding import Block, fold
from app.tickets.text.questions import TicketQuestion, questions


def ask(text: str, subject: str = "") -> tuple[TicketQuestion, ...]:
    folded = fold(text)
    return questions(subject, folded.text, folded.blocks)


def test_context_is_carried_along() -> None:
    (found,) = ask("We have forty lamps. They hang in two halls. How do I group them?")
    assert found.asked == "How do I group them?"
    assert found.text == "We have forty lamps. They hang in two halls. How do I group them?"


def test_a_later_question_keeps_what_the_author_runs() -> None:
    first, second = ask("I run Lumen 2.3 on Debian 12.\n\nHow do I change the port?\n\nWhere are the logs written to?")
    assert first.text.startswith("I run Lumen 2.3 on Debian 12.")
    assert second.text == "I run Lumen 2.3 on Debian 12.\nWhere are the logs written to?"


def test_a_question_that_points_back_carries_the_one_before() -> None:
    _, second = ask("Where are the logs written to? Can I delete them?")
    assert second.text == "Where are the logs written to?\nCan I delete them?"


def test_items_of_a_list_do_not_carry_each_other() -> None:
    assert [one.text for one in ask("1. How do I pair it?\n2. Can it be dimmed?")] == [
        "How do I pair it?",
        "Can it be dimmed?",
    ]


def test_a_thin_question_carries_the_subject() -> None:
    (found,) = ask("Is that possible with it?", "Dimming the lamp from Home Assistant")
    assert found.text.startswith("Dimming the lamp from Home Assistant")


def test_the_subject_is_asked_where_the_body_says_nothing() -> None:
    (found,) = ask("Hello, see subject.", "Re: [#12] How do I dim the lamp?")
    assert (found.asked, found.source) == ("How do I dim the lamp?", "subject")
    assert "Re: [#12] How do I dim the lamp?"[found.start : found.end] == found.asked


def test_nothing_is_asked_by_courtesy_alone() -> None:
    for text in ["", "Hi!", "Thank you so much!", "Danke, hat geklappt!", "Merci beaucoup", "You people are useless."]:
        assert ask(text, "Re: Lamp") == ()


def test_machine_output_alone_is_asked_about() -> None:
    (found,) = ask("$ lumen pair\nError: E1042: pairing failed")
    assert (found.source, found.blocks) == ("block", (1,))
    assert "E1042" in found.query_terms


def test_blocks_belong_to_the_question_they_stand_at() -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n{}: no'
    first, second = ask(
        f"Pairing fails:\n\n{trace.format('PairError')}\n\nAlso, export fails:\n\n{trace.format('ExportError')}"
    )
    assert (first.blocks, second.blocks) == ((1,), (2,))
    assert first.query_terms[0] == "PairError: no"
    assert second.query_terms[0] == "ExportError: no"


def test_quoted_messages_and_code_are_searched_for() -> None:
    (found,) = ask('Why does `lumen pair --force` print "no such device"?')
    assert found.query_terms == ("lumen pair --force", "--force", "no such device")


def test_a_foreign_placeholder_is_text() -> None:
    found = questions("", "[log 9: x]\n\nHow do I reset the lamp?", (Block(1, "log", "a", ("b",)),))
    assert [(one.asked, one.blocks) for one in found] == [("How do I reset the lamp?", (1,))]


def test_at_most_five() -> None:
    assert len(ask("\n".join(f"{n}. What is the level in mode {n}?" for n in range(1, 10)))) == 5
