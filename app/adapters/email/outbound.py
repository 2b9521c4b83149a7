"""Decisions by mail: a reply to who asked, or a note to the team."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP

from app.adapters.adapter import PublishFailed
from app.adapters.email.addresses import domain_of, is_address
from app.adapters.email.connection import SECONDS, require_encryption, trusting
from app.adapters.rendering import html, markdown_note, markdown_reply
from app.config import EmailSettings
from app.tickets.schemas import Origin, TicketResponse, TicketResult

_SUBJECT_CHARS = 300
_REFERENCES = 20


class EmailPublisher:
    """tls: for servers with a certificate that the system does not know."""

    def __init__(self, settings: EmailSettings, *, tls: ssl.SSLContext | None = None) -> None:
        """Raises ConfigurationError for settings that would send the password unencrypted."""
        require_encryption(settings.smtp_host, settings.smtp_security, "DOCENT_EMAIL__SMTP_SECURITY")
        self._settings = settings
        self._tls = tls or trusting()

    async def publish(self, origin: Origin, ticket: TicketResponse) -> str:
        """Mail a `reply` of an `auto` ticket to who asked, anything else to the team; the Message-ID, '' for nothing.

        SMTP cannot tell whether a mail was sent before. The Message-ID is made of the answer's id, so that a mail sent
        again after a crash is the same mail to every server and program that tells mails apart by it.
        """
        result = ticket.result
        if result is None:
            return ""
        if result.decision == "reply" and ticket.mode == "auto":
            mail = self._reply(origin, result)
        elif self._settings.team_address:
            mail = self._note(origin, ticket, result)
        else:
            return ""
        await asyncio.to_thread(self._send, mail)
        return str(mail["Message-ID"])

    async def aclose(self) -> None:
        """Nothing is held open between mails."""

    def _reply(self, origin: Origin, result: TicketResult) -> EmailMessage:
        subject = _one_line(origin.get("subject")) or "Your question"
        mail = self._mail(
            str(origin.get("address", "")),
            subject if subject.lower().startswith("re:") else f"Re: {subject}",
            markdown_reply(result),
        )
        mail["Message-ID"] = f"<{result.id}@{domain_of(self._settings.from_address)}>"
        mail["Auto-Submitted"] = "auto-replied"
        answered = _one_line(origin.get("message_id"))
        if answered:
            mail["In-Reply-To"] = answered
            earlier = [_one_line(one) for one in origin.get("references", [])]
            mail["References"] = " ".join([*earlier[:1], *earlier[1:][-_REFERENCES:], answered])
        return mail

    def _note(self, origin: Origin, ticket: TicketResponse, result: TicketResult) -> EmailMessage:
        word = "Escalated" if result.decision == "escalate" else "Draft"
        subject = _one_line(ticket.subject) or "a mail without a subject"
        mail = self._mail(self._settings.team_address, f"{word}: {subject}", markdown_note(ticket))
        mail["Message-ID"] = f"<{result.id}.note@{domain_of(self._settings.from_address)}>"
        mail["Auto-Submitted"] = "auto-generated"
        asked_by = str(origin.get("address", ""))
        if is_address(asked_by):
            mail["Reply-To"] = asked_by
        return mail

    def _mail(self, to: str, subject: str, markdown: str) -> EmailMessage:
        if not is_address(self._settings.from_address):
            raise PublishFailed("no mail can be sent: set DOCENT_EMAIL__FROM_ADDRESS", retryable=False)
        if not is_address(to):
            raise PublishFailed("no mail can be sent: the recipient has no address that SMTP carries", retryable=False)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._settings.from_address
        mail["To"] = to
        mail["Subject"] = subject[:_SUBJECT_CHARS]
        mail["Date"] = datetime.now(UTC)
        mail["X-Auto-Response-Suppress"] = "All"  # Exchange's way of saying it
        mail.set_content(markdown, cte="quoted-printable")
        mail.add_alternative(html(markdown), subtype="html", cte="quoted-printable")
        return mail

    def _send(self, mail: EmailMessage) -> None:
        if not self._settings.smtp_host:
            raise PublishFailed("no mail can be sent: set DOCENT_EMAIL__SMTP_HOST", retryable=False)
        try:
            server = self._connect()
            try:
                server.send_message(mail)
            finally:
                # The mail is accepted by now, or the error that matters is on its way.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.quit()
                server.close()
        except (smtplib.SMTPException, OSError, MessageError, ValueError) as error:
            raise _failure(error) from error

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        host, port, name = settings.smtp_host, settings.smtp_port, domain_of(settings.from_address)
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, local_hostname=name, timeout=SECONDS, context=self._tls)
        else:
            server = smtplib.SMTP(host, port, local_hostname=name, timeout=SECONDS)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=self._tls)
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server


def _failure(error: Exception) -> PublishFailed:
    """Of SMTP's replies 4xx are passing and 5xx for good; a lost or refused connection is passing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return PublishFailed(
            f"the SMTP server refuses the recipient ({max(codes, default=0)})",
            retryable=all(400 <= code < 500 for code in codes),
        )
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return PublishFailed(
            f"the SMTP server refuses with {error.smtp_code} ({_one_line(said)[:200]})",
            retryable=400 <= error.smtp_code < 500,
        )
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPNotSupportedError):  # lost, or never reached
        return PublishFailed(f"the SMTP server cannot be used ({_one_line(str(error))[:200]})", retryable=True)
    return PublishFailed(f"the mail cannot be sent ({_one_line(str(error))[:200]})", retryable=False)


def _one_line(text: object) -> str:
    """`text` without line breaks and control characters, which would end a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text or "")).split())
