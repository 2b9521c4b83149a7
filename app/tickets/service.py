"""Tickets in, decisions out: take them in once, change them, and say what became of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from rapidfuzz.distance import Levenshtein
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principal import Principal
from app.callbacks.addresses import AllowedTargets
from app.callbacks.targets import parse_url
from app.config import TicketSettings
from app.db import Database, utc_now
from app.errors import DocentError, InvalidInput, NotFound
from app.jobs.repository import add_job, cancel_job
from app.models.conversation import Conversation
from app.models.ticket import IdempotencyKey, Ticket, TicketMessage, TicketOutcome
from app.tickets import repository
from app.tickets.answering import KIND
from app.tickets.repository import OPEN_STATES
from app.tickets.responses import outcome_response, ticket_response, ticket_summary
from app.tickets.schemas import (
    Origin,
    OutcomeRequest,
    OutcomeResponse,
    Said,
    TicketChange,
    TicketPage,
    TicketQuery,
    TicketRequest,
    TicketResponse,
)

_KEY = re.compile(r"[!-~]{1,255}")
_MARKER = re.compile(r"\s?\[\d{1,3}\]")
_LOOK_SECONDS, _LONGEST_PAUSE = 0.1, 0.5
_ADAPTERS = frozenset({"github", "zendesk", "discourse", "email"})  # channels whose tickets come signed
_WRITES = 5  # tries, where others write to the same ticket


class TicketConflict(DocentError):
    status = 409
    kind = "ticket-conflict"
    title = "The ticket does not stand so"


class _ChangedMeanwhile(TicketConflict):
    """Somebody else wrote to the ticket between reading and writing."""


class IdempotencyMismatch(DocentError):
    status = 409
    kind = "idempotency-mismatch"
    title = "Another ticket was made with this"


class TicketsService:
    """All keys of scope `tickets` see all tickets: they are of one team, and keys are replaced.

    wake: tells the jobs that there is one more.
    """

    def __init__(
        self, settings: TicketSettings, database: Database, allowed: AllowedTargets, wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._database = database
        self._allowed = allowed
        self._wake = wake

    async def create(
        self, principal: Principal, request: TicketRequest, key: str | None = None, origin: Origin | None = None
    ) -> tuple[TicketResponse, bool]:
        """Take a ticket in, and whether it is new; the same one again gives what became of it.

        key: of the client, against repeats. Raises InvalidInput, CallbackRefused, or IdempotencyMismatch where key or
        external id were used with another body.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidInput("Idempotency-Key has 1 to 255 printable ASCII characters without spaces: a UUID will do")
        if request.callback_url is not None:
            parse_url(request.callback_url, self._allowed)
        if origin is None and request.channel in _ADAPTERS:
            raise InvalidInput(f"tickets of {request.channel} come through its adapter: choose another channel")
        digest = _digest(request)
        for _ in range(2):  # the second time, who was faster with the same key or id has committed
            try:
                async with self._database.transaction() as session:
                    known = await self._known(session, principal, request, key, digest)
                    ticket = known or await self._add(session, principal, request, origin, digest)
                    # With a new ticket a key is always new: one that is not, by now, undoes the ticket.
                    if key is not None and (known is None or await self._is_new(session, principal, key)):
                        session.add(
                            IdempotencyKey(owner=principal.owner, key=key, request_hash=digest, ticket_id=ticket.id)
                        )
                        await session.flush()
                    response = await ticket_response(session, ticket)
            except IntegrityError:
                continue
            if known is None:
                self._wake()
            return response, known is None
        raise TicketConflict("the ticket was made and deleted meanwhile: send it again")

    async def get(self, ticket_id: str) -> TicketResponse:
        """Raises NotFound."""
        async with self._database.transaction() as session:
            return await ticket_response(session, await repository.find_ticket(session, ticket_id))

    async def with_origin(self, ticket_id: str) -> tuple[TicketResponse, Origin | None]:
        """A ticket, and where its adapter finds it. Raises NotFound."""
        async with self._database.transaction() as session:
            ticket = await repository.find_ticket(session, ticket_id)
            return await ticket_response(session, ticket), ticket.origin

    async def find(self, channel: str, external_id: str) -> str:
        """The id of an adapter's ticket. Raises NotFound."""
        async with self._database.transaction() as session:
            ticket = await repository.find_external(session, channel, external_id)
        if ticket is None:
            raise NotFound(f"there is no ticket {external_id} of {channel}")
        return ticket.id

    async def wait(self, ticket_id: str, seconds: int) -> TicketResponse:
        """The ticket when it is finished, or as it stands after `seconds`."""
        until, pause = time.monotonic() + min(seconds, self._settings.wait_seconds), _LOOK_SECONDS
        while True:
            async with self._database.transaction() as session:
                ticket = await repository.find_ticket(session, ticket_id)
                if ticket.state not in OPEN_STATES or time.monotonic() >= until:
                    return await ticket_response(session, ticket)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def list(self, wanted: TicketQuery) -> TicketPage:
        """The newest first."""
        async with self._database.transaction() as session:
            found, following = await repository.list_tickets(session, wanted)
        return TicketPage(tickets=[ticket_summary(ticket) for ticket in found], next_cursor=following)

    async def change(self, ticket_id: str, change: TicketChange) -> TicketResponse:
        """Raises NotFound, or TicketConflict where it has another version than the change is meant for."""
        values = change.model_dump(exclude={"version"}, exclude_none=True)

        async def write(session: AsyncSession) -> None:
            ticket = await self._as_meant(session, ticket_id, change.version)
            await _write(session, ticket, **values)

        return await self._writing(ticket_id, write)

    async def cancel(self, ticket_id: str) -> TicketResponse:
        """End a ticket that is not answered yet; nothing happens to a cancelled one. Raises TicketConflict."""

        async def write(session: AsyncSession) -> None:
            ticket = await repository.find_ticket(session, ticket_id)
            if ticket.state == "cancelled":
                return
            if ticket.state not in OPEN_STATES:
                raise TicketConflict(f"the ticket is {ticket.state}: there is nothing left to cancel")
            await _write(session, ticket, state="cancelled", finished_at=utc_now())
            if ticket.job_id is not None:
                await cancel_job(session, ticket.job_id)

        return await self._writing(ticket_id, write)

    async def add_message(self, ticket_id: str, message: Said, client_id: str | None = None) -> TicketResponse:
        """Store one more message. The requester's reopens the ticket: it is answered anew, with all that was said.

        client_id: the ticket system's own id of the message; a second one with it changes nothing.
        """

        async def write(session: AsyncSession) -> None:
            ticket = await repository.find_ticket(session, ticket_id)
            if client_id and await repository.message_of_client(session, ticket_id, client_id):
                return
            reopening: dict[str, object] = {}
            if message.role == "requester":
                job = add_job(session, KIND, ticket_id)
                reopening = {"state": "queued", "job_id": job.id, "finished_at": None, "error": None}
            await _write(session, ticket, **reopening)  # `ticket` stays as it was read
            if reopening and ticket.state in OPEN_STATES and ticket.job_id is not None:
                await cancel_job(session, ticket.job_id)
            session.add(
                TicketMessage(
                    ticket_id=ticket_id,
                    position=await repository.next_position(session, ticket_id),
                    role=message.role,
                    body=message.body,
                    format=message.format,
                    client_id=client_id,
                )
            )
            await session.flush()

        response = await self._writing(ticket_id, write)
        self._wake()
        return response

    async def set_outcome(self, ticket_id: str, given: OutcomeRequest) -> OutcomeResponse:
        """Store what became of the answer; an earlier word is replaced. Raises InvalidInput, TicketConflict."""
        if given.outcome == "edited" and not (given.text or "").strip():
            raise InvalidInput("the outcome `edited` needs `text`: what was sent instead of the answer")
        if given.outcome == "accepted" and given.text is not None:
            raise InvalidInput("`text` is for `edited` and `rejected`: what is accepted was sent as it was")
        async with self._database.transaction() as session:
            ticket = await repository.find_ticket(session, ticket_id)
            if ticket.result is None:
                raise TicketConflict(f"the ticket is {ticket.state}: it has no answer that could have an outcome")
            if given.answer_id not in {None, ticket.result["id"]}:
                raise TicketConflict("the ticket was answered anew: read it again, and judge that answer")
            outcome = await session.merge(
                TicketOutcome(
                    answer_id=ticket.result["id"],
                    ticket_id=ticket_id,
                    outcome=given.outcome,
                    text=given.text,
                    by=given.by,
                    edit_distance=_edit_distance(ticket.result["text"], given),
                    created_at=utc_now(),
                )
            )
            await session.flush()
            return outcome_response(outcome)

    async def _writing(self, ticket_id: str, write: Callable[[AsyncSession], Awaitable[None]]) -> TicketResponse:
        """What the ticket is after `write`, which is done anew where somebody else was faster.

        Two events of a ticket that come at the same moment are both done.
        """
        for _ in range(_WRITES):
            try:
                async with self._database.transaction() as session:
                    await write(session)
                    return await ticket_response(session, await repository.find_ticket(session, ticket_id))
            except _ChangedMeanwhile as error:
                faster = error
        raise faster

    async def forget_old_keys(self) -> None:
        async with self._database.transaction() as session:
            await repository.forget_keys(session, utc_now() - timedelta(hours=self._settings.idempotency_hours))

    async def _known(
        self, session: AsyncSession, principal: Principal, request: TicketRequest, key: str | None, digest: str
    ) -> Ticket | None:
        if key is not None:
            used = await session.get(IdempotencyKey, (principal.owner, key))
            if used is not None and used.request_hash != digest:
                raise IdempotencyMismatch("this Idempotency-Key was sent with another body: use a new one")
            if used is not None:
                return await repository.find_ticket(session, used.ticket_id)
        if request.external_id is None:
            return None
        ticket = await repository.find_external(session, request.channel, request.external_id)
        if ticket is not None and ticket.request_hash != digest:
            raise IdempotencyMismatch(
                f"{request.external_id} of {request.channel} is {ticket.id}, made with another body: "
                "add messages to that one, or change it"
            )
        return ticket

    @staticmethod
    async def _is_new(session: AsyncSession, principal: Principal, key: str) -> bool:
        return await session.get(IdempotencyKey, (principal.owner, key)) is None

    @staticmethod
    async def _add(
        session: AsyncSession, principal: Principal, request: TicketRequest, origin: Origin | None, digest: str
    ) -> Ticket:
        ticket_id = repository.new_ticket_id()
        conversation = Conversation(id=f"conv_{secrets.token_hex(12)}", owner=f"ticket:{ticket_id}", site_id=None)
        session.add(conversation)
        await session.flush()
        given = request.model_dump(
            include={
                "external_id", "channel", "mode", "subject", "requester", "assignee", "labels", "product_version",
                "locale", "attachments", "callback_url",
            }
        )  # fmt: skip
        job = add_job(session, KIND, ticket_id)
        ticket = Ticket(
            id=ticket_id, owner=principal.owner, origin=origin, request_hash=digest, conversation_id=conversation.id,
            job_id=job.id, **given,
        )  # fmt: skip
        session.add(ticket)
        await session.flush()
        said = [*request.conversation, Said(role="requester", body=request.body, format=request.format)]
        session.add_all(
            TicketMessage(ticket_id=ticket_id, position=at, role=one.role, body=one.body, format=one.format)
            for at, one in enumerate(said, start=1)
        )
        await session.flush()
        return ticket

    @staticmethod
    async def _as_meant(session: AsyncSession, ticket_id: str, version: int | None) -> Ticket:
        ticket = await repository.find_ticket(session, ticket_id)
        if version is not None and version != ticket.version:
            raise TicketConflict(f"the ticket has version {ticket.version} now: read it again, and send that one")
        return ticket


async def _write(session: AsyncSession, ticket: Ticket, **values: object) -> None:
    if not await repository.write_if_version(session, ticket, **values):
        raise _ChangedMeanwhile("the ticket was changed at the same moment: read it again, and repeat")


def _digest(request: TicketRequest) -> str:
    """The same for the same ticket, however its JSON was written."""
    text = json.dumps(request.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _edit_distance(answer: str, given: OutcomeRequest) -> float | None:
    """Levenshtein's distance in characters, as a share of the longer text; None where nothing was sent instead."""
    if given.outcome == "accepted":
        return 0.0
    if not given.text:
        return None
    return round(Levenshtein.normalized_distance(_MARKER.sub("", answer), _MARKER.sub("", given.text)), 4)
