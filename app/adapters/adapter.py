"""What every adapter does: foreign events in, decisions out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from app.errors import DocentError
from app.tickets.schemas import Origin, Said, TicketChange, TicketRequest, TicketResponse


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket that is new there. origin: what `publish` needs to find it again."""

    request: TicketRequest
    origin: Origin = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Added:
    """A message in a ticket, by its external id within the adapter's channel. message_id: against repeats.

    author: as the ticket's requester is written; a message of somebody else is a helper's, whatever its role says.
    """

    external_id: str
    message: Said
    message_id: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody took the ticket, gave it back, or changed its labels or its subject."""

    external_id: str
    change: TicketChange


@dataclass(frozen=True, slots=True)
class Closed:
    """The ticket is closed there: nothing more is to be said."""

    external_id: str


Event = Opened | Added | Changed | Closed


class PublishFailed(DocentError):
    """An answer could not be handed out. retryable: whether another try may help; retry_after: in seconds."""

    status = 502
    kind = "publish-failed"
    title = "The answer could not be handed out"

    def __init__(self, detail: str, *, retryable: bool, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retryable = retryable


class Publisher(Protocol):
    async def publish(self, origin: Origin, ticket: TicketResponse) -> str:
        """Hand out `ticket.result` where the ticket came from; a reference to what was written, '' for nothing.

        Called again after a crash: an answer that stands there already (found by its id) is not written twice.
        Raises PublishFailed.
        """
        ...

    async def aclose(self) -> None: ...
