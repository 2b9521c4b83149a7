from __future__ import annotations

import contextlib
import random
import re
import time
from pathlib import Path

import pytest

from app.adapters.adapter import Added, Opened
from app.adapters.email.addresses import is_address, requester_of
from app.adapters.email.inbound import Mail, events, external_id, read_mail
from app.adapters.email.parsing import UnreadableMail
from app.config import EmailSettings

RECORDED = Path(__file__).parents[2] / "data/adapters/email"
SETTINGS = EmailSettings(from_address="support@example.org", team_address="team@example.org", mode="auto")


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.eml").read_bytes()


def read(raw: bytes) -> Mail:
    mail = read_mail(raw, SETTINGS)
    assert mail is not None
    return mail


def written(*headers: str | bytes, body: bytes = b"Where are the log files?") -> bytes:
    """A mail with these headers; From and Message-ID where they are not among them."""
    lines = [line if isinstance(line, bytes) else line.encode() for line in headers]
    for name, value in ((b"From", b"kim@customer.example.org"), (b"Message-ID", b"<m1@customer.example.org>")):
        if not any(line.lower().startswith(name.lower() + b":") for line in lines):
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_mail_opens_a_ticket() -> None:
    mail = read(recorded("question"))
    (event,) = events(mail, SETTINGS)
    assert isinstance(event, Opened)
    request = event.request
    assert (request.external_id, request.channel) == ("20261102091403.4f2a@customer.example.org", "email")
    assert (request.subject, request.format, request.mode) == ("The lamp flickers – help", "text", "auto")
    assert "flickers at the hub of my monitor – what can I do?" in request.body
    assert request.attachments == ["lamp.png", "prüf.log"]
    assert re.fullmatch(r"[0-9a-f]{16}", request.requester)
    assert request.requester == requester_of("kim@CUSTOMER.example.org")
    assert event.origin == {
        "address": "Kim@customer.example.org",
        "message_id": "<20261102091403.4f2a@customer.example.org>",
        "references": [],
        "subject": "The lamp flickers – help",
    }


def test_html_is_taken_where_there_is_no_text() -> None:
    mail = read(recorded("html_only"))
    assert mail.format == "html"
    assert "Wie wird die Lampe wärmer?" in mail.body


def test_answer_to_a_known_ticket_is_added_to_it() -> None:
    mail = read(recorded("follow_up"))
    root = "20261102091403.4f2a@customer.example.org"
    assert mail.thread == ("ans_0123456789abcdef01234567@example.org", root)
    (event,) = events(mail, SETTINGS, root)
    assert isinstance(event, Added)
    assert (event.external_id, event.message_id) == (root, "20261102100217.77b1@customer.example.org")
    assert event.message.role == "requester"
    assert event.message.body.startswith("It still flickers")


def test_answer_to_a_mail_that_is_no_ticket_opens_one() -> None:
    (event,) = events(read(recorded("follow_up")), SETTINGS, None)
    assert isinstance(event, Opened)
    assert event.request.external_id == "20261102100217.77b1@customer.example.org"


def test_mail_of_the_team_is_an_agents() -> None:
    (event,) = events(
        read(written("From: Team <TEAM@example.org>", "References: <m0@x.example>")), SETTINGS, "m0@x.example"
    )
    assert isinstance(event, Added)
    assert event.message.role == "agent"


def test_contact_form_is_answered_to_whom_it_names() -> None:
    assert read(recorded("contact_form")).sender == "kim@customer.example.org"


@pytest.mark.parametrize(
    "reply_to",
    ["a@example.org, b@example.org", "support@example.org", "nobody", "", "a b@example.org"],
)
def test_reply_to_that_names_nobody_else_is_passed_over(reply_to: str) -> None:
    assert read(written(f"Reply-To: {reply_to}")).sender == "kim@customer.example.org"


@pytest.mark.parametrize("name", ["out_of_office", "bounce", "mailing_list"])
def test_recorded_mails_of_machines_are_ignored(name: str) -> None:
    assert read_mail(recorded(name), SETTINGS) is None


@pytest.mark.parametrize(
    "header",
    [
        "From: Support <Support@Example.org>",
        "From: no-reply@shop.example.org",
        "From: MAILER-DAEMON@mail.example.org",
        "From: bounces+83=kim@mail.example.org",
        "Auto-Submitted: auto-generated",
        "AUTO-SUBMITTED: auto-replied; owner-email=kim@customer.example.org",
        "Precedence: Bulk",
        "Precedence: auto_reply",
        "X-Auto-Response-Suppress: DR, AutoReply",
        "X-Autoreply: yes",
        "List-Unsubscribe: <https://shop.example.org/u>",
        "Return-Path: <>",
        "Return-Path:",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "References: " + "\r\n ".join(f"<{at}@customer.example.org>" for at in range(61)),
    ],
)
def test_what_might_loop_is_ignored(header: str) -> None:
    assert read_mail(written(header), SETTINGS) is None


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "Precedence: normal",
        "X-Auto-Response-Suppress: None",
        "X-Auto-Response-Suppress: DR, NDR, RN, NRN",
        "Return-Path: <kim@customer.example.org>",
        "Content-Type: multipart/mixed; boundary=b",
    ],
)
def test_what_people_write_is_read(header: str) -> None:
    assert read(written(header)).id == "m1@customer.example.org"


def test_mail_without_an_id_gets_one_of_its_bytes() -> None:
    raw = b"From: kim@customer.example.org\r\nSubject: a\r\n\r\nhello"
    mail = read(raw)
    assert re.fullmatch(r"missing\.[0-9a-f]{32}", mail.id)
    assert mail == read(raw)
    assert mail.id != read(raw + b"!").id
    assert mail.message_id == ""


@pytest.mark.parametrize(
    "found", ["<" + "a" * 400 + "@x.example>", "<ä@x.example>", "<a\0b@x.example>", "<a\x7fb@x.example>"]
)
def test_odd_ids_become_printable_and_stay_apart(found: str) -> None:
    made = external_id(found)
    assert re.fullmatch(r"[!-~]{1,200}", made)
    assert made == external_id(found)
    assert made != external_id(found.replace("example", "other"))
    mail = read(written(f"Message-ID: {found}"))
    assert re.fullmatch(r"[!-~]{1,200}", mail.id)


@pytest.mark.parametrize(
    "sender",
    ["", "nobody", "undisclosed-recipients:;", "a@b@c", "<>", '"a b"@example.org', "ü@example.org"],
)
def test_mail_that_nobody_can_be_answered_to_is_unreadable(sender: str) -> None:
    with pytest.raises(UnreadableMail, match="no sender"):
        read_mail(written(f"From: {sender}"), SETTINGS)


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        ("Content-Type: text/plain; charset=nonsense", "grün".encode(), "grün"),
        ("Content-Type: text/plain; charset=utf-8", "grün".encode("latin-1"), "grün"),
        ("Content-Type: text/plain", "“grün”".encode("cp1252"), "“grün”"),
        ("Content-Type: text/plain; charset=unicode_escape", rb"gr\u00fcn", r"gr\u00fcn"),
        ("Content-Type: text/plain; charset=hex", b"6772", "6772"),
        ("Content-Type: text/plain; charset=undefined", b"green", "green"),
        ("Content-Type: text/plain; charset*=x'y'%ff%00", b"green", "green"),
        ("Content-Type: text/plain; charset=utf-16", b"odd", "odd"),
        ("Content-Transfer-Encoding: base64", b"Z3Jl!!ZW4", "green"),
        ("Content-Transfer-Encoding: nonsense", b"green", "green"),
        ("Content-Type: nonsense", b"green", "green"),
        ("Content-Type: text/plain; charset=utf-8", b"gr\0een\xed\xa0\x80", "green"),
    ],
)
def test_broken_encodings_give_what_can_be_read(header: str, body: bytes, expected: str) -> None:
    mail = read(written(header, body=body))
    assert mail.body.startswith(expected)
    assert "\0" not in mail.body
    mail.body.encode()


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b"=?utf-8?b?w5w=?=", "Ü"),
        (b"=?nonsense?q?abc?=", "abc"),
        ("grün".encode(), "grün"),
        (b"gr\xfcn", "gr�n"),
        (b"=?utf-8?q?a=0D=0ABcc:_x@example.org?=", "a Bcc: x@example.org"),
        (b"a\r\n\tb", "a b"),
        (b"a\0b", "ab"),
        (b"x" * 90_000, "x" * 500),
    ],
)
def test_subjects_are_one_line(subject: bytes, expected: str) -> None:
    assert read(written(b"Subject: " + subject)).subject == expected


def test_mail_without_words_says_so() -> None:
    assert read(written("Subject: Where are the logs?", body=b" \r\n")).body == "Where are the logs?"
    assert read(written(body=b"")).body == "(no text)"
    attached = written('Content-Disposition: attachment; filename="a.png"', "Content-Type: image/png", body=b"x")
    assert read(attached).body == "(no text; attached: a.png)"


def test_huge_mails_are_cut() -> None:
    (event,) = events(read(written(body=b"word " * 400_000)), SETTINGS)
    assert isinstance(event, Opened)
    assert len(event.request.body) == 200_000


HOSTILE = {
    "parameters": b"Content-Type: multipart/mixed; " + b"a=b; " * 40_000 + b"boundary=x",
    "comments": b"Content-Type: text/plain " + b"(" * 200_000,
    "continued": b"Content-Type: text/plain; " + b"".join(b"a*%d=b; " % at for at in range(25_000)),
    "words": b"Subject: " + b"=?utf-8?q?a?= " * 15_000,
    "addresses": b"Cc: " + b"a@b.example, " * 20_000,
    "nested sender": b"From: " + b"(" * 5_000 + b" kim@customer.example.org",
    "references": b"References: " + b"<" * 500_000,
    "nested parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(2000)
    ),
    "many parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\nA: b\r\n\r\nc\r\n" * 400_000,
    "parts just allowed": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\nA: b\r\n\r\nc\r\n" * 4_900,
    "many headers": b"A: b\r\n" * 200_000 + b"X: y",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_are_read_or_refused_in_time(name: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(UnreadableMail):
        read_mail(written(HOSTILE[name]), SETTINGS)
    assert time.monotonic() - began < 10  # the slowest takes about 1 s alone; unbounded ones take minutes


def test_damaged_mails_never_raise_anything_else() -> None:
    chance = random.Random(4)  # noqa: S311 -- the same damage each time
    sources = [path.read_bytes() for path in sorted(RECORDED.glob("*.eml"))]
    read_count = 0
    for _ in range(1500):
        raw = bytearray(chance.choice(sources))
        for _ in range(chance.randint(1, 25)):
            at = chance.randrange(len(raw))
            match chance.randrange(3):
                case 0:
                    raw[at] = chance.randrange(256)
                case 1:
                    del raw[at : at + chance.randint(1, 40)]
                case _:
                    raw[at:at] = chance.choice(
                        [b'"', b"=?", b"<", b"\r\n", b"\xff", b";", b"\0", b"--outer", b"(", b"@"]
                    )
        try:
            mail = read_mail(bytes(raw), SETTINGS)
        except UnreadableMail:
            continue
        if mail is not None:
            read_count += 1
            (event,) = events(mail, SETTINGS)  # pydantic checks the request
            assert isinstance(event, Opened)
            assert is_address(event.origin["address"])
            f"{event.request.model_dump_json()} {event.origin}".encode()
    assert read_count > 300
