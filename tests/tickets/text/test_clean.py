"""What is kept of a message and what is put aside."""

from __future__ import annotations

import pytest

from app.tickets.text.clean import clean_body

BELOW = "\n\nOn Mon, 6 May 2024 at 10:11, Support <s@example.org> wrote:\n> Hello"


def reasons(body: str, content_type: str = "text") -> list[str]:
    return [cut.reason for cut in clean_body(body, "html" if content_type == "html" else "text").cuts]


@pytest.mark.parametrize(
    "closing",
    [
        "Best regards,",
        "Thanks in advance!",
        "Cheers",
        "Viele Grüße",
        "MfG",
        "Vielen Dank und viele Grüße",
        "Bien à vous,",
        "Cordialement",
        "Un cordial saludo,",
        "Muchas gracias",
        "Mit freundlichen Grüßen / Kind regards",
    ],
)
def test_a_closing_phrase_ends_the_message(closing: str) -> None:
    clean = clean_body(f"The lamp is dark.\n\n{closing}\nOperations\nExample GmbH", "text")
    assert clean.text == "The lamp is dark."
    assert [cut.text for cut in clean.cuts] == [f"{closing}\nOperations\nExample GmbH"]


@pytest.mark.parametrize(
    "sentence", ["Thanks for nothing, it is still dark.", "Best practice is to use two cables.", "Thanks, it works"]
)
def test_a_sentence_that_begins_like_a_closing_stays(sentence: str) -> None:
    assert clean_body(sentence, "text").text == sentence


def test_what_follows_a_signature_is_kept() -> None:
    clean = clean_body("It is dark.\n\nThanks\nOperations\n\nP.S. Does it run on batteries?", "text")
    assert clean.text == "It is dark.\n\nP.S. Does it run on batteries?"


def test_code_is_no_signature_and_no_quote() -> None:
    body = "This fails:\n\n```\n--\n> select 1\nThanks\n```\n\nWhy?"
    assert clean_body(body, "text").text == body


@pytest.mark.parametrize(
    "introduction",
    [
        "On Mon, 6 May 2024 at 10:11, Support <s@example.org> wrote:",
        "Am 06.05.2024 um 10:11 schrieb Support:",
        "Le lun. 6 mai 2024 à 10:11, Support <s@example.org> a écrit :",
        "El lun, 6 may 2024 a las 10:11, Soporte escribió:",
        "Il giorno lun 6 mag 2024 alle ore 10:11 Supporto ha scritto:",
        "Support <s@example.org> schrieb am Mo., 6. Mai 2024, 10:11:",
        "-----Ursprüngliche Nachricht-----",
    ],
)
def test_introductions_of_what_is_quoted(introduction: str) -> None:
    clean = clean_body(f"It is dark.\n\n{introduction}\n> Is it on?", "text")
    assert clean.text == "It is dark."
    assert [cut.text for cut in clean.cuts] == [f"{introduction}\n> Is it on?"]


def test_an_introduction_without_a_date_is_a_sentence() -> None:
    body = "On restart the daemon wrote:\nno device\nWhat now?"
    assert clean_body(body, "text").text == body


def test_answers_between_quoted_lines_are_kept() -> None:
    clean = clean_body("> Is it on?\nYes.\n> Is it lit?\nNo.", "text")
    assert clean.text == "Yes.\nNo."


def test_a_message_that_is_only_forwarded_is_read() -> None:
    forwarded = "From: c@example.org\nSent: Monday\nTo: s@example.org\nSubject: Dark\n\nThe lamp is dark."
    clean = clean_body(forwarded, "text")
    assert clean.text == "The lamp is dark."
    assert [cut.reason for cut in clean.cuts] == ["forwarded_header"]


def test_a_thank_you_does_not_bring_back_the_old_question() -> None:
    assert clean_body(f"That was it, great.{BELOW}", "text").text == "That was it, great."


@pytest.mark.parametrize(
    "notice",
    [
        "CONFIDENTIALITY NOTICE: this message is for its addressee.",
        "Diese E-Mail enthält vertrauliche Informationen und ist ausschließlich für den Empfänger bestimmt.",
        "Ce message est confidentiel et destiné à son destinataire.",
        "Este correo es confidencial y va dirigido exclusivamente a su destinatario.",
        "Reply to this email directly or view it on GitHub.",
    ],
)
def test_notices(notice: str) -> None:
    assert clean_body(f"It is dark.\n\n{notice}", "text").text == "It is dark."
    assert reasons(f"It is dark.\n\n{notice}") == ["disclaimer"]


def test_hidden_parts_of_a_page_are_put_aside() -> None:
    clean = clean_body("<p>It is dark.</p><div hidden>Old</div><img src=x width=1><style>p{}</style>", "html")
    assert clean.text == "It is dark."
    assert {cut.reason: cut.text for cut in clean.cuts} == {"hidden": "Old", "tracking_pixel": "x", "script": "p{}"}


def test_a_page_of_too_many_tags_gives_its_text() -> None:
    clean = clean_body("<p>How?</p>" + "<b>" * 30_000 + "<script>var a</script>", "html")
    assert clean.text == "How?"


def test_characters_that_nobody_sees() -> None:
    assert clean_body("a\u200bb\u00a0c\x00\x1b[31md\r\ne\ufeff", "text").text == "ab c d\ne"
