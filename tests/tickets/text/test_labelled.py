"""How much of the labelled tickets comes out exactly as labelled."""

from __future__ import annotations

from collections import Counter

from tests.tickets.text.labelled import TICKETS, differences, outcome

WANTED_SHARE = 0.95  # of tickets without any difference; the rules were adjusted on these tickets


def test_the_set_is_large_and_varied() -> None:
    assert len(TICKETS) >= 60
    assert len({ticket.id for ticket in TICKETS}) == len(TICKETS)
    assert min(Counter(ticket.category for ticket in TICKETS).values()) >= 2


def test_the_tickets_come_out_as_labelled() -> None:
    wrong = [(ticket, found) for ticket in TICKETS if (found := differences(ticket))]
    report = "\n".join(
        f"{ticket.id} {ticket.category} {aspect}: wanted {wanted!r}, found {got!r}"
        for ticket, aspects in wrong
        for aspect, (wanted, got) in aspects.items()
    )
    print(report)
    assert 1 - len(wrong) / len(TICKETS) >= WANTED_SHARE, report


def test_every_question_stands_where_it_says() -> None:
    for ticket in TICKETS:
        found = outcome(ticket.subject, ticket.body, ticket.content_type)
        for question in found.questions:
            if question.source == "block":
                assert (question.start, question.end) == (0, 0)
                continue
            text = ticket.subject if question.source == "subject" else found.folded.text
            place = " ".join(text[question.start : question.end].split())
            first, last = question.asked.split()[0], question.asked.split()[-1]
            assert place.startswith(first), ticket.id
            assert place.endswith(last), ticket.id
            assert question.asked in " ".join(question.text.split()) or "```" in question.text, ticket.id


def test_every_block_belongs_to_a_question_and_stands_in_the_text() -> None:
    for ticket in TICKETS:
        found = outcome(ticket.subject, ticket.body, ticket.content_type)
        for block in found.folded.blocks:
            assert block.placeholder in found.folded.text.split("\n"), ticket.id
            assert sum(block.number in question.blocks for question in found.questions) == 1, ticket.id


def test_no_word_of_a_plain_message_is_lost() -> None:
    """What is kept and what is cut is together what was sent, marks of quotes aside."""
    for ticket in TICKETS:
        if ticket.content_type == "html" or ticket.category == "hostile":
            continue
        clean = outcome(ticket.subject, ticket.body).clean
        together = Counter(" ".join([clean.text, *(cut.text for cut in clean.cuts)]).replace(">", " ").split())
        assert together == Counter(ticket.body.replace(">", " ").split()), ticket.id
