"""Mails to a real SMTP server on this machine: aiosmtpd, which takes the commands of RFC 5321."""

from __future__ import annotations

import asyncio
import email
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from app.adapters.adapter import PublishFailed
from app.adapters.email.inbound import read_mail
from app.adapters.email.outbound import EmailPublisher
from app.answering.answer import Decision
from app.config import EmailSettings
from app.errors import ConfigurationError
from app.tickets.schemas import Mode, TicketResponse
from tests.adapters.discourse.decided import ANSWER_ID, decided

ORIGIN = {
    "address": "kim@customer.example.org",
    "message_id": "<m2@customer.example.org>",
    "references": ["<m1@customer.example.org>"],
    "subject": "The lamp flickers – help",
}


@dataclass
class SmtpServer:
    """replies: what DATA, MAIL or RCPT get in place of a yes, by the command's name."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, bool]] = field(default_factory=list)
    hello: list[str | None] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    async def handle_MAIL(  # noqa: N802
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.hello.append(session.host_name)
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        if "DATA" in self.replies:
            return self.replies["DATA"]
        self.envelopes.append(envelope)
        return "250 queued"

    async def handle_QUIT(  # noqa: N802
        self, _: SMTP, __: Session, ___: Envelope
    ) -> str:
        return self.replies.get("QUIT", "221 bye")

    def mail(self) -> EmailMessage:
        content = self.envelopes[-1].content
        assert isinstance(content, bytes)
        parsed = email.message_from_bytes(content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncIterator[SmtpServer]:
    smtp = SmtpServer()

    def login(_: SMTP, session: Session, __: Envelope, ___: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        smtp.logins.append((data.login.decode(), session.ssl is not None))
        return AuthResult(success=data.password == b"pass word", handled=False)

    def session() -> SMTP:
        return SMTP(
            smtp,
            hostname="mail.example.org",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=login,
            auth_require_tls=starttls is not None,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    smtp.port = server.sockets[0].getsockname()[1]
    try:
        yield smtp
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    async with serving() as served:
        yield served


def settings_for(smtp: SmtpServer, **changes: object) -> EmailSettings:
    return EmailSettings.model_validate(
        {
            "smtp_host": "127.0.0.1",
            "smtp_port": smtp.port,
            "smtp_security": "none",
            "from_address": "support@example.org",
            "team_address": "team@example.org",
            "mode": "auto",
            **changes,
        }
    )


def mailed(decision: Decision = "reply", mode: Mode = "auto", subject: str = "The lamp flickers") -> TicketResponse:
    return decided(decision, mode, channel="email", subject=subject)


async def test_reply_goes_to_who_asked(smtp: SmtpServer) -> None:
    reference = await EmailPublisher(settings_for(smtp)).publish(ORIGIN, mailed())
    (envelope,) = smtp.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("support@example.org", ["kim@customer.example.org"])
    assert smtp.hello == ["example.org"]
    mail = smtp.mail()
    assert reference == mail["Message-ID"] == f"<{ANSWER_ID}@example.org>"
    assert (mail["From"], mail["To"]) == ("support@example.org", "kim@customer.example.org")
    assert mail["Subject"] == "Re: The lamp flickers – help"
    assert mail["In-Reply-To"] == "<m2@customer.example.org>"
    assert mail["References"] == "<m1@customer.example.org> <m2@customer.example.org>"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert mail["Date"].datetime.tzinfo is not None


async def test_reply_is_text_and_html(smtp: SmtpServer) -> None:
    await EmailPublisher(settings_for(smtp)).publish(ORIGIN, mailed())
    mail = smtp.mail()
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().startswith("Plug the cable into the wall plug. [1]")
    assert '<a href="https://docs.example.org/faq#flicker">' in html.get_content()
    content = smtp.envelopes[0].content
    assert isinstance(content, bytes)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78


async def test_repeat_is_the_same_mail(smtp: SmtpServer) -> None:
    publisher = EmailPublisher(settings_for(smtp))
    assert await publisher.publish(ORIGIN, mailed()) == await publisher.publish(ORIGIN, mailed())
    first, second = ({**email.message_from_bytes(one.content or b"")} for one in smtp.envelopes)  # type: ignore[arg-type]
    assert first["Message-ID"] == second["Message-ID"]
    await publisher.aclose()


async def test_own_mail_is_not_read_back(smtp: SmtpServer) -> None:
    settings = settings_for(smtp)
    for decision in ("reply", "escalate"):
        await EmailPublisher(settings).publish(ORIGIN, mailed(decision))
    elsewhere = settings.model_copy(update={"from_address": "other@example.org"})
    for envelope in smtp.envelopes:
        assert isinstance(envelope.content, bytes)
        assert read_mail(envelope.content, settings) is None
        assert read_mail(envelope.content, elsewhere) is None  # by Auto-Submitted


@pytest.mark.parametrize(
    ("decision", "mode", "word"),
    [("draft", "auto", "Draft"), ("escalate", "auto", "Escalated"), ("reply", "draft", "Draft")],
)
async def test_anything_else_goes_to_the_team(smtp: SmtpServer, decision: Decision, mode: Mode, word: str) -> None:
    reference = await EmailPublisher(settings_for(smtp)).publish(ORIGIN, mailed(decision, mode))
    assert smtp.envelopes[0].rcpt_tos == ["team@example.org"]
    mail = smtp.mail()
    assert reference == mail["Message-ID"] == f"<{ANSWER_ID}.note@example.org>"
    assert mail["Subject"] == f"{word}: The lamp flickers"
    assert mail["Reply-To"] == "kim@customer.example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"Decision: {decision}" in body.get_content()


async def test_without_a_team_nothing_is_sent(smtp: SmtpServer) -> None:
    publisher = EmailPublisher(settings_for(smtp, team_address=""))
    assert await publisher.publish(ORIGIN, mailed("draft")) == ""
    assert await publisher.publish(ORIGIN, mailed().model_copy(update={"result": None})) == ""
    assert smtp.envelopes == []


@pytest.mark.parametrize(
    "origin",
    [
        {**ORIGIN, "subject": "a\r\nBcc: spy@example.org\r\n\r\nbody"},
        {**ORIGIN, "message_id": "<a@b>\r\nBcc: spy@example.org"},
        {**ORIGIN, "references": ["<a@b>\nBcc: spy@example.org"]},
        {**ORIGIN, "subject": "x" * 5000, "references": [f"<{at}@x.example>" for at in range(300)]},
        {**ORIGIN, "subject": "\ud800 \0 \u202e ü"},
    ],
)
async def test_no_header_can_be_slipped_in(smtp: SmtpServer, origin: dict[str, Any]) -> None:
    await EmailPublisher(settings_for(smtp)).publish(origin, mailed())
    mail = smtp.mail()
    assert smtp.envelopes[0].rcpt_tos == ["kim@customer.example.org"]
    assert "Bcc" not in mail
    assert mail.get_content_type() == "multipart/alternative"
    content = smtp.envelopes[0].content
    assert isinstance(content, bytes)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "address", ["", "kim", "kim@x.example, spy@example.org", "kim@x.example\r\nBcc: spy@example.org", "a b@x.example"]
)
async def test_what_is_no_address_gets_no_mail(smtp: SmtpServer, address: str) -> None:
    with pytest.raises(PublishFailed, match="no address") as failed:
        await EmailPublisher(settings_for(smtp)).publish({**ORIGIN, "address": address}, mailed())
    assert not failed.value.retryable
    assert smtp.envelopes == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("reply", "retryable"), [("451 try later", True), ("550 5.7.1 not here", False)])
async def test_refusals_pass_or_are_final_by_their_code(
    smtp: SmtpServer, command: str, reply: str, retryable: bool
) -> None:
    smtp.replies[command] = reply
    with pytest.raises(PublishFailed, match=reply[:3]) as failed:
        await EmailPublisher(settings_for(smtp)).publish(ORIGIN, mailed())
    assert failed.value.retryable is retryable
    smtp.replies.clear()
    await EmailPublisher(settings_for(smtp)).publish(ORIGIN, mailed())


async def test_failure_after_the_mail_was_taken_is_none(smtp: SmtpServer) -> None:
    smtp.replies["QUIT"] = "421 too late"
    assert await EmailPublisher(settings_for(smtp)).publish(ORIGIN, mailed())
    assert len(smtp.envelopes) == 1


async def test_server_that_is_away_can_be_tried_again() -> None:
    async with serving() as smtp:
        settings = settings_for(smtp)
    with pytest.raises(PublishFailed) as failed:
        await EmailPublisher(settings).publish(ORIGIN, mailed())
    assert failed.value.retryable


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_encrypted_with_a_checked_certificate(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, security: str
) -> None:
    async with serving(**{security: server_tls}) as smtp:
        settings = settings_for(smtp, smtp_security=security)
        with pytest.raises(PublishFailed, match="certificate") as failed:
            await EmailPublisher(settings).publish(ORIGIN, mailed())
        assert failed.value.retryable
        assert await EmailPublisher(settings, tls=client_tls).publish(ORIGIN, mailed())
        assert len(smtp.envelopes) == 1


# aiosmtpd sets an attribute that it has deprecated itself.
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
async def test_login_is_encrypted(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async with serving(starttls=server_tls) as smtp:
        login = {"smtp_security": "starttls", "smtp_user": "support", "smtp_password": SecretStr("pass word")}
        assert await EmailPublisher(settings_for(smtp, **login), tls=client_tls).publish(ORIGIN, mailed())
        assert smtp.logins == [("support", True)]
        wrong = settings_for(smtp, **{**login, "smtp_password": SecretStr("wrong")})
        with pytest.raises(PublishFailed, match="535") as failed:
            await EmailPublisher(wrong, tls=client_tls).publish(ORIGIN, mailed())
        assert not failed.value.retryable


async def test_without_starttls_nothing_is_sent(smtp: SmtpServer, client_tls: ssl.SSLContext) -> None:
    with pytest.raises(PublishFailed, match="STARTTLS") as failed:
        await EmailPublisher(settings_for(smtp, smtp_security="starttls"), tls=client_tls).publish(ORIGIN, mailed())
    assert not failed.value.retryable
    assert smtp.envelopes == []


async def test_plain_connections_stay_on_this_machine(smtp: SmtpServer) -> None:
    with pytest.raises(ConfigurationError, match="DOCENT_EMAIL__SMTP_SECURITY"):
        EmailPublisher(settings_for(smtp, smtp_host="mail.example.org"))


@pytest.mark.parametrize("setting", ["smtp_host", "from_address"])
async def test_missing_settings_are_named(smtp: SmtpServer, setting: str) -> None:
    security = "starttls" if setting == "smtp_host" else "none"
    settings = settings_for(smtp, **{setting: "", "smtp_security": security})
    with pytest.raises(PublishFailed, match=re.escape(f"DOCENT_EMAIL__{setting.upper()}")):
        await EmailPublisher(settings).publish(ORIGIN, mailed())
