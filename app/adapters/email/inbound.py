"""Mails to events: a new mail opens a ticket, an answer to it is added, and mails of machines are left alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import structlog

from app.adapters.adapter import Added, Event, Opened
from app.adapters.email.addresses import is_address, is_nobody, requester_of, same
from app.adapters.email.parsing import Message, UnreadableMail
from app.config import EmailSettings
from app.tickets.schemas import ATTACHMENTS, BODY_CHARS, SUBJECT_CHARS, Format, Role, Said, TicketRequest

CHANNEL = "email"

_ID_CHARS = 200
_NAME_CHARS = 200
_LONGEST_THREAD = 60  # ids; two machines that answer each other get there within the hour, people hardly ever
_PRINTABLE = re.compile(r"[!-~]+")
_PRECEDENCES = frozenset({"bulk", "junk", "list", "auto_reply"})
_SUPPRESSED = frozenset({"all", "autoreply", "oof"})
_LIST_HEADERS = ("list-id", "list-post", "list-unsubscribe")
_ANSWERING_MACHINES = ("x-autoreply", "x-autorespond")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """id: the ticket's external id, if the mail opens one. thread: external ids of the mails it answers, latest first.

    message_id: as it stands in the mail with its brackets, '' where it has none that can be referred to.
    sender: the address to answer to. author: the address of From.
    """

    id: str
    message_id: str
    thread: tuple[str, ...]
    references: tuple[str, ...]
    sender: str
    author: str
    subject: str
    body: str
    format: Format
    attachments: tuple[str, ...]


def read_mail(raw: bytes, settings: EmailSettings) -> Mail | None:
    """The mail, or None where it must not be answered: from machines, mailing lists and ourselves.

    Raises UnreadableMail where nobody can be answered or nothing can be read.
    """
    message = Message(raw)
    why = _why_ignored(message, settings)
    if why:
        log.info("mail_ignored", reason=why, message_id=message.header("message-id")[:_ID_CHARS])
        return None
    author, sender = _people(message, settings)
    if is_nobody(sender):
        log.info("mail_ignored", reason="nobody reads its address", message_id=message.header("message-id")[:_ID_CHARS])
        return None
    own = next(iter(message.message_ids("message-id")), "")
    references = list(dict.fromkeys([*message.message_ids("references"), *message.message_ids("in-reply-to")]))
    subject = message.header("subject")[:SUBJECT_CHARS]
    body = message.body()
    attachments = tuple(name[:_NAME_CHARS] for name in message.attachments()[:ATTACHMENTS])
    return Mail(
        id=external_id(own) if own else f"missing.{hashlib.sha256(raw).hexdigest()[:32]}",
        message_id=own if _PRINTABLE.fullmatch(own) else "",
        thread=tuple(external_id(one) for one in reversed(references)),
        references=tuple(one for one in references if _PRINTABLE.fullmatch(one)),
        sender=sender,
        author=author,
        subject=subject,
        body=body.text[:BODY_CHARS] if body.text.strip() else subject or _wordless(attachments),
        format="html" if body.is_html and body.text.strip() else "text",
        attachments=attachments,
    )


def events(mail: Mail, settings: EmailSettings, ticket: str | None = None) -> list[Event]:
    """What a mail tells. ticket: the external id of the ticket it belongs to, of those in `mail.thread`."""
    if ticket is not None:
        role: Role = "agent" if same(mail.author, settings.team_address) else "requester"
        return [Added(ticket, Said(role=role, body=mail.body, format=mail.format), mail.id, requester_of(mail.sender))]
    request = TicketRequest(
        external_id=mail.id,
        channel=CHANNEL,
        subject=mail.subject,
        body=mail.body,
        format=mail.format,
        requester=requester_of(mail.sender),
        attachments=list(mail.attachments),
        mode=settings.mode,
    )
    origin = {
        "address": mail.sender,
        "message_id": mail.message_id,
        "references": list(mail.references),
        "subject": mail.subject,
    }
    return [Opened(request, origin)]


def external_id(message_id: str) -> str:
    """A Message-ID without its brackets; one that is too long or not ASCII is cut, and told apart by a hash."""
    inner = message_id.strip("<>")
    if len(inner) <= _ID_CHARS and _PRINTABLE.fullmatch(inner):
        return inner
    printable = "".join(_PRINTABLE.findall(inner))[: _ID_CHARS - 40]
    return f"{printable}.{hashlib.sha256(inner.encode(errors='surrogatepass')).hexdigest()[:32]}"


def _people(message: Message, settings: EmailSettings) -> tuple[str, str]:
    """Who wrote, and whom to answer to: Reply-To where it names one address, as in mails of contact forms."""
    authors = message.addresses("from")
    if not authors or not is_address(authors[0]):
        raise UnreadableMail("it has no sender who can be answered")
    replies = message.addresses("reply-to")
    if len(replies) == 1 and is_address(replies[0]) and not same(replies[0], settings.from_address):
        return authors[0], replies[0]
    return authors[0], authors[0]


def _why_ignored(message: Message, settings: EmailSettings) -> str:
    """Why a mail must not be answered by a machine (RFC 3834), '' if it may."""
    authors = message.addresses("from")
    suppressed = {one.strip() for one in message.header("x-auto-response-suppress").lower().split(",")}
    automatic = message.header("auto-submitted").lower().partition(";")[0].strip()
    reasons = {
        "it is our own": any(same(one, settings.from_address) for one in authors),
        "a machine wrote it": automatic not in ("", "no") or any(map(message.has, _ANSWERING_MACHINES)),
        "it is sent in bulk": message.header("precedence").lower() in _PRECEDENCES,
        "it comes from a mailing list": any(map(message.has, _LIST_HEADERS)),
        "it asks for no answer by a machine": bool(suppressed & _SUPPRESSED),
        "it is a bounce": _is_bounce(message),
        "its thread is too long to be people's": len(message.message_ids("references")) > _LONGEST_THREAD,
    }
    return next((why for why, holds in reasons.items() if holds), "")


def _is_bounce(message: Message) -> bool:
    returns_to_nobody = message.has("return-path") and message.header("return-path") in ("", "<>")
    return returns_to_nobody or message.content_type in ("multipart/report", "message/delivery-status")


def _wordless(attachments: tuple[str, ...]) -> str:
    return f"(no text; attached: {', '.join(attachments)})" if attachments else "(no text)"
