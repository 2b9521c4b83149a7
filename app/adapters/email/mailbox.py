"""The mailbox: unread mails become events, and are marked as read once these are stored."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from app.adapters.adapter import Event
from app.adapters.email.connection import SECONDS, require_encryption, trusting
from app.adapters.email.inbound import events, read_mail
from app.adapters.email.parsing import UnreadableMail
from app.config import EmailSettings
from app.errors import DocentError

# Of a longer mail this much is read: its text comes before its attachments.
MAX_BYTES = 5_000_000
_MAILS_AT_ONCE = 50
_LONGEST_PAUSE = 300.0  # seconds between two attempts to reach the server
_LITERAL = re.compile(rb"BODY\[\]", re.IGNORECASE)

_SAID_CHARS = 200

_Result = TypeVar("_Result")
Store = Callable[[list[Event]], Awaitable[None]]
FindTicket = Callable[[Sequence[str]], Awaitable[str | None]]

log = structlog.get_logger(__name__)


class MailboxUnavailable(DocentError):
    status = 503
    kind = "mailbox-unavailable"
    title = "The mailbox cannot be read"


class Mailbox:
    """find_ticket: which of these external ids, the first of them, is a ticket of the channel `email`; None for none.

    tls: for servers with a certificate that the system does not know.
    """

    def __init__(self, settings: EmailSettings, find_ticket: FindTicket, *, tls: ssl.SSLContext | None = None) -> None:
        """Raises ConfigurationError for settings that would send the password unencrypted."""
        require_encryption(settings.imap_host, settings.imap_security, "DOCENT_EMAIL__IMAP_SECURITY")
        self._settings = settings
        self._find_ticket = find_ticket
        self._tls = tls or trusting()

    async def poll(self, store: Store) -> int:
        """Hand unread mails to `store`, oldest first, until 50 are done with; how many events were stored.

        A mail is marked as read after `store` returned. One that `store` refuses for now (a DocentError of status 429
        or 5xx) stays unread and keeps no other waiting. Mails that are refused for good, cannot be read or must not be
        answered are logged and marked. Any other error of `store` ends the poll. Raises MailboxUnavailable.
        """
        server = await _guarded(self._open)
        try:
            stored = done = 0
            for uid in await _guarded(_unread, server):
                taken = await self._take(server, uid, store)
                stored += taken or 0
                done += taken is not None
                if done == _MAILS_AT_ONCE:
                    break
            return stored
        finally:
            await asyncio.to_thread(_close, server)

    async def watch(self, store: Store) -> None:
        """Poll for ever, at growing intervals while the server cannot be used. Other errors of `store` end it."""
        failures = 0
        while True:
            try:
                count = await self.poll(store)
                failures = 0
                if count:
                    log.info("mail_stored", events=count)
            except MailboxUnavailable as error:
                failures += 1
                log.warning("mailbox_unavailable", error=error.detail, failures=failures)
            await asyncio.sleep(pause(self._settings.poll_seconds, failures))

    async def _take(self, server: imaplib.IMAP4, uid: str, store: Store) -> int | None:
        """How many events were stored of a mail; None if it was left as it is."""
        raw = await _guarded(_fetch, server, uid)
        if raw is None:  # somebody else took it out of the folder meanwhile
            return None
        found: list[Event] = []
        try:
            mail = await asyncio.to_thread(read_mail, raw, self._settings)
            if mail is not None:
                ticket = await self._find_ticket(mail.thread) if mail.thread else None
                found = events(mail, self._settings, ticket)
        except UnreadableMail as error:
            log.warning("mail_unreadable", uid=uid, folder=self._settings.imap_folder, error=str(error))
        if found:
            try:
                await store(found)
            except DocentError as error:
                log.warning("mail_not_stored", uid=uid, folder=self._settings.imap_folder, error=error.detail)
                if error.status >= 500 or error.status == 429:
                    return None
                found = []
        await _guarded(_mark, server, uid)
        return len(found)

    def _open(self) -> imaplib.IMAP4:
        settings = self._settings
        if settings.imap_security == "tls":
            server: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                settings.imap_host, settings.imap_port, ssl_context=self._tls, timeout=SECONDS
            )
        else:
            server = imaplib.IMAP4(settings.imap_host, settings.imap_port, timeout=SECONDS)
        try:
            if settings.imap_security == "starttls":
                server.starttls(self._tls)
            server.login(settings.imap_user, settings.imap_password.get_secret_value())
            _ok(server.select(_quoted(settings.imap_folder)))
        except (imaplib.IMAP4.error, OSError, UnicodeError):
            _close(server)
            raise
        return server


def pause(seconds: int, failures: int) -> float:
    """How long to wait before the next poll: twice as long after each failure, up to five minutes."""
    return min(seconds * 2.0 ** min(failures, 10), max(_LONGEST_PAUSE, seconds))


def _unread(server: imaplib.IMAP4) -> list[str]:
    found = _ok(server.uid("SEARCH", "UNSEEN"))
    return [str(uid) for uid in sorted({int(uid) for line in found if isinstance(line, bytes) for uid in line.split()})]


def _fetch(server: imaplib.IMAP4, uid: str) -> bytes | None:
    for part in _ok(server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_BYTES}>)")):
        if isinstance(part, tuple) and _LITERAL.search(part[0]):
            return bytes(part[1])
    return None


def _mark(server: imaplib.IMAP4, uid: str) -> None:
    _ok(server.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))


def _close(server: imaplib.IMAP4) -> None:
    try:
        server.logout()
    except (imaplib.IMAP4.error, OSError):
        with contextlib.suppress(OSError):  # a failed handshake has closed the socket by itself
            server.shutdown()


def _ok(answer: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(_text(data[0]) if data else status)
    return data


async def _guarded(function: Callable[..., _Result], *arguments: object) -> _Result:
    """What the function returns, run in a thread. Raises MailboxUnavailable."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except (imaplib.IMAP4.error, OSError, UnicodeError) as error:  # TLS errors and timeouts are OSErrors
        said = " ".join(_text(error.args[-1] if error.args else error).split())[:_SAID_CHARS]
        raise MailboxUnavailable(
            f"the IMAP server cannot be used ({said or type(error).__name__}): check DOCENT_EMAIL__IMAP_HOST, _PORT, "
            "_SECURITY, _USER, _PASSWORD and _FOLDER"
        ) from error


def _text(said: object) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _quoted(folder: str) -> str:
    """A folder's name as an IMAP string; names outside ASCII have to be given in IMAP's own UTF-7."""
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
