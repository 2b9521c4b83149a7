from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.adapters.adapter import Added, Event, Opened
from app.adapters.email.mailbox import MAX_BYTES, Mailbox, MailboxUnavailable, pause
from app.config import EmailSettings
from app.errors import ConfigurationError, InvalidInput, NotReady
from tests.adapters.email.local_imap import PASSWORD, USER, ImapServer, serving

RECORDED = Path(__file__).parents[2] / "data/adapters/email"
UNREADABLE = b"Subject: nobody wrote this\r\n\r\nhello"


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.eml").read_bytes()


def mail(number: int) -> bytes:
    return f"From: kim@customer.example.org\r\nMessage-ID: <{number}@x.example>\r\n\r\nQuestion {number}?".encode()


def settings_for(imap: ImapServer, security: str = "none", **changes: object) -> EmailSettings:
    return EmailSettings.model_validate(
        {
            "imap_host": "127.0.0.1",
            "imap_port": imap.port,
            "imap_security": security,
            "imap_user": USER,
            "imap_password": SecretStr(PASSWORD),
            "from_address": "support@example.org",
            **changes,
        }
    )


async def nothing_known(_: Sequence[str]) -> None:
    return None


class Storage:
    """What was stored, and whether its mail was still unread by then. raises: for the tickets with these ids."""

    def __init__(self, imap: ImapServer, raises: dict[str, Exception] | None = None) -> None:
        self.imap, self.raises = imap, raises or {}
        self.events: list[Event] = []
        self.unread: list[int] = []

    async def store(self, events: list[Event]) -> None:
        for event in events:
            found = event.request.external_id if isinstance(event, Opened) else None
            if found in self.raises:
                raise self.raises[found]
        self.events += events
        self.unread.append(len(self.imap.unseen()))

    def ids(self) -> list[str | None]:
        return [event.request.external_id for event in self.events if isinstance(event, Opened)]


@pytest.fixture
def imap() -> Iterator[ImapServer]:
    with serving() as served:
        yield served
        assert served.wrong == []


async def test_unread_mails_are_stored_and_then_marked(imap: ImapServer) -> None:
    for number in (1, 2, 3):
        imap.add(mail(number))
    storage = Storage(imap)
    mailbox = Mailbox(settings_for(imap), nothing_known)
    assert await mailbox.poll(storage.store) == 3
    assert storage.ids() == ["1@x.example", "2@x.example", "3@x.example"]
    assert storage.unread == [3, 2, 1]
    assert imap.unseen() == []
    assert await mailbox.poll(storage.store) == 0
    assert len(storage.events) == 3


async def test_commands_are_those_of_the_protocol(imap: ImapServer) -> None:
    imap.add(mail(1))
    await Mailbox(settings_for(imap), nothing_known).poll(Storage(imap).store)
    assert imap.commands == [
        "CAPABILITY",
        "LOGIN",
        'SELECT "INBOX"',
        "UID SEARCH UNSEEN",
        f"UID FETCH 43 (BODY.PEEK[]<0.{MAX_BYTES}>)",
        r"UID STORE 43 +FLAGS.SILENT (\Seen)",
        "LOGOUT",
    ]


async def test_answer_is_added_to_the_ticket_that_is_found(imap: ImapServer) -> None:
    imap.add(recorded("follow_up"))
    asked: list[Sequence[str]] = []

    async def find(ids: Sequence[str]) -> str | None:
        asked.append(ids)
        return ids[-1]

    storage = Storage(imap)
    assert await Mailbox(settings_for(imap), find).poll(storage.store) == 1
    (event,) = storage.events
    assert isinstance(event, Added)
    assert event.external_id == "20261102091403.4f2a@customer.example.org"
    assert asked == [("ans_0123456789abcdef01234567@example.org", "20261102091403.4f2a@customer.example.org")]


async def test_mails_that_are_no_tickets_are_marked_and_logged(imap: ImapServer) -> None:
    for content in (recorded("out_of_office"), UNREADABLE, recorded("question")):
        imap.add(content)
    storage = Storage(imap)
    with capture_logs() as logs:
        assert await Mailbox(settings_for(imap), nothing_known).poll(storage.store) == 1
    assert imap.unseen() == []
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("mail_ignored", "info"),
        ("mail_unreadable", "warning"),
    ]


@pytest.mark.parametrize(("error", "stays_unread"), [(NotReady("later"), True), (InvalidInput("never"), False)])
async def test_refused_mail_keeps_no_other_waiting(imap: ImapServer, error: Exception, stays_unread: bool) -> None:
    first = imap.add(mail(1))
    imap.add(mail(2))
    storage = Storage(imap, {"1@x.example": error})
    with capture_logs() as logs:
        assert await Mailbox(settings_for(imap), nothing_known).poll(storage.store) == 1
    assert storage.ids() == ["2@x.example"]
    assert imap.unseen() == ([first] if stays_unread else [])
    assert [line["event"] for line in logs] == ["mail_not_stored"]


async def test_failing_storage_leaves_the_mail_unread(imap: ImapServer) -> None:
    imap.add(mail(1))
    storage = Storage(imap, {"1@x.example": RuntimeError("the database is away")})
    mailbox = Mailbox(settings_for(imap), nothing_known)
    with pytest.raises(RuntimeError):
        await mailbox.poll(storage.store)
    assert imap.commands[-1] == "LOGOUT"
    storage.raises.clear()
    assert await mailbox.poll(storage.store) == 1


async def test_fifty_mails_are_taken_at_once(imap: ImapServer) -> None:
    for number in range(60):
        imap.add(mail(number))
    storage = Storage(imap, {f"{number}@x.example": NotReady("later") for number in range(5)})
    with capture_logs():
        assert await Mailbox(settings_for(imap), nothing_known).poll(storage.store) == 50
    assert len(imap.unseen()) == 10


async def test_of_a_huge_mail_the_beginning_is_read(imap: ImapServer) -> None:
    imap.add(recorded("question").replace(b"iVBORw0KGgo=", b"iVBORw0KGgo=" * 500_000))
    storage = Storage(imap)
    assert await Mailbox(settings_for(imap), nothing_known).poll(storage.store) == 1
    (event,) = storage.events
    assert isinstance(event, Opened)
    assert "the lamp flickers" in event.request.body
    assert event.request.attachments == ["lamp.png"]


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE"])
@pytest.mark.parametrize("how", ["hangs_up_at", "refuses"])
async def test_server_that_fails_loses_no_mail(imap: ImapServer, command: str, how: str) -> None:
    imap.add(mail(1))
    setattr(imap, how, command)
    storage = Storage(imap)
    mailbox = Mailbox(settings_for(imap), nothing_known)
    with pytest.raises(MailboxUnavailable):
        await mailbox.poll(storage.store)
    assert len(imap.unseen()) == 1
    setattr(imap, how, "")
    await mailbox.poll(storage.store)
    assert set(storage.ids()) == {"1@x.example"}  # twice where only the mark was lost: its id makes that harmless


async def test_mail_that_vanishes_meanwhile_is_passed_over(imap: ImapServer) -> None:
    imap.add(mail(1))
    gone = imap.add(mail(2))
    storage = Storage(imap)

    async def store(events: list[Event]) -> None:
        imap.mails.pop(gone)
        await storage.store(events)

    assert await Mailbox(settings_for(imap), nothing_known).poll(store) == 1


@pytest.mark.parametrize(
    "changes", [{"imap_password": SecretStr("wrong")}, {"imap_folder": "Nowhere"}, {"imap_password": SecretStr("ü")}]
)
async def test_wrong_settings_are_named(imap: ImapServer, changes: dict[str, object]) -> None:
    with pytest.raises(MailboxUnavailable, match="DOCENT_EMAIL__IMAP_HOST"):
        await Mailbox(settings_for(imap, **changes), nothing_known).poll(Storage(imap).store)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_encrypted_with_a_checked_certificate(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, security: str
) -> None:
    with serving(server_tls, offers_starttls=security == "starttls") as imap:
        imap.add(mail(1))
        settings = settings_for(imap, security)
        with pytest.raises(MailboxUnavailable, match="certificate"):
            await Mailbox(settings, nothing_known).poll(Storage(imap).store)
        assert "LOGIN" not in imap.commands
        assert await Mailbox(settings, nothing_known, tls=client_tls).poll(Storage(imap).store) == 1
        assert imap.wrong == []


async def test_without_starttls_no_password_is_sent(imap: ImapServer, client_tls: ssl.SSLContext) -> None:
    with pytest.raises(MailboxUnavailable, match="TLS"):
        await Mailbox(settings_for(imap, "starttls"), nothing_known, tls=client_tls).poll(Storage(imap).store)
    assert "LOGIN" not in imap.commands


def test_plain_connections_stay_on_this_machine(imap: ImapServer) -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        Mailbox(settings_for(imap, imap_host=host), nothing_known)
    for host in ("mail.example.org", "192.0.2.1", "localhost.example.org", ""):
        with pytest.raises(ConfigurationError, match="DOCENT_EMAIL__IMAP_SECURITY"):
            Mailbox(settings_for(imap, imap_host=host), nothing_known)


async def test_watching_comes_back_after_a_failure(imap: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    enough = asyncio.Event()

    def short(_: int, failures: int) -> float:
        waits.append(failures)
        if len(waits) == 4:
            enough.set()
        imap.hangs_up_at = "" if failures == 2 else imap.hangs_up_at
        return 0.01

    monkeypatch.setattr("app.adapters.email.mailbox.pause", short)
    imap.hangs_up_at = "LOGIN"
    imap.add(mail(1))
    storage = Storage(imap)
    watching = asyncio.create_task(Mailbox(settings_for(imap), nothing_known).watch(storage.store))
    async with asyncio.timeout(20):
        await enough.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert waits[:4] == [1, 2, 0, 0]
    assert storage.ids() == ["1@x.example"]


def test_pauses_grow_up_to_five_minutes() -> None:
    assert [pause(30, failures) for failures in range(6)] == [30, 60, 120, 240, 300, 300]
    assert pause(900, 3) == 900
