"""The adapters that are set up, and what is common to them: events to tickets, finished tickets back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import structlog

from app.adapters.adapter import Added, Changed, Closed, Event, Opened, Publisher, PublishFailed
from app.adapters.discourse.outbound import DiscoursePublisher
from app.adapters.email.mailbox import Mailbox
from app.adapters.email.outbound import EmailPublisher
from app.adapters.github.outbound import GitHubPublisher
from app.adapters.zendesk.outbound import ZendeskPublisher
from app.auth.principal import Principal
from app.callbacks.schedule import next_try
from app.config import Settings
from app.db import utc_now
from app.errors import NotFound
from app.jobs.work import JobRun, Retry
from app.tickets.decisions import Standing, never_over_a_person
from app.tickets.service import IdempotencyMismatch, TicketConflict, TicketsService

log = structlog.get_logger(__name__)


class Adapters:
    """publishers: by channel, of those that are set up."""

    def __init__(self, tickets: TicketsService, publishers: dict[str, Publisher]) -> None:
        self._tickets = tickets
        self._publishers = publishers

    async def take_in(self, channel: str, events: Sequence[Event]) -> None:
        """Do what foreign events say; the same ones again change nothing. Those of unknown tickets are passed over."""
        for event in events:
            try:
                await self._take_in(channel, event)
            except (NotFound, TicketConflict, IdempotencyMismatch) as error:
                log.info("adapter.passed_over", channel=channel, detail=error.detail)

    async def _take_in(self, channel: str, event: Event) -> None:
        if isinstance(event, Opened):
            await self._tickets.create(Principal("adapter", channel), event.request, origin=event.origin)
            return
        ticket_id = await self._tickets.find(channel, event.external_id)
        if isinstance(event, Added):
            message = event.message
            if event.author and message.role == "requester" and not await self._asks(ticket_id, event.author):
                message = message.model_copy(update={"role": "agent"})  # a person who helps is not talked over
            await self._tickets.add_message(ticket_id, message, event.message_id)
        elif isinstance(event, Changed):
            await self._tickets.change(ticket_id, event.change)
        elif isinstance(event, Closed):
            await self._tickets.cancel(ticket_id)

    async def _asks(self, ticket_id: str, author: str) -> bool:
        """Whether `author` is who the ticket is of."""
        requester = (await self._tickets.get(ticket_id)).requester
        return requester in {"", author}

    async def known_mail(self, external_ids: Sequence[str]) -> str | None:
        """The first of these mails that became a ticket."""
        for external_id in external_ids:
            try:
                await self._tickets.find("email", external_id)
            except NotFound:
                continue
            return external_id
        return None

    async def publish(self, run: JobRun) -> dict[str, str] | None:
        """Hand a finished ticket out where it came from: the work of jobs of the kind `publish`."""
        ticket, origin = await self._tickets.with_origin(run.subject)
        publisher = self._publishers.get(ticket.channel)
        if publisher is None or origin is None:
            return None  # tickets are taken in alone: what comes of them is read elsewhere
        if ticket.result is None or ticket.state not in {"answered", "escalated"}:
            return None  # it was reopened or cancelled meanwhile: what comes of that is published
        if run.arguments.get("answer", ticket.result.id) != ticket.result.id:
            return None  # a newer answer has a job of its own
        # A person may have come between the answer and this, which may be hours later.
        standing = Standing(ticket.mode, bool(ticket.assignee), ticket.version != ticket.result.version)
        shown = never_over_a_person(ticket.result, standing)
        try:
            return {"reference": await publisher.publish(origin, ticket.model_copy(update={"result": shown}))}
        except PublishFailed as error:
            if not error.retryable:
                raise
            later = _later(run.id, ticket.finished_at or utc_now(), error)
            if later is None:
                raise
            raise Retry(error.detail, later) from error


def _later(job_id: str, since: datetime, error: PublishFailed) -> datetime | None:
    """When to try again, as with callbacks: within a day of the answer; None where nothing is left to try."""
    wait = next_try(job_id, max(0.0, (utc_now() - since).total_seconds()), error.retry_after)
    return None if wait is None else since + timedelta(seconds=wait)


@asynccontextmanager
async def open_adapters(settings: Settings, tickets: TicketsService) -> AsyncIterator[Adapters]:
    """Those that the settings set up; a mailbox is watched until the end of the block."""
    publishers: dict[str, Publisher] = {}
    if settings.github.token.get_secret_value():
        publishers["github"] = GitHubPublisher(settings.github)
    if settings.zendesk.subdomain_url:
        publishers["zendesk"] = ZendeskPublisher(settings.zendesk)
    if settings.discourse.url:
        publishers["discourse"] = DiscoursePublisher(settings.discourse)
    if settings.email.smtp_host:
        publishers["email"] = EmailPublisher(settings.email)
    adapters = Adapters(tickets, publishers)
    async with AsyncExitStack() as stack:
        for publisher in publishers.values():
            stack.push_async_callback(publisher.aclose)
        if settings.email.imap_host:
            mailbox = Mailbox(settings.email, adapters.known_mail)
            watching = asyncio.create_task(_watch(mailbox, adapters, settings.email.poll_seconds), name="mailbox")
            stack.push_async_callback(_end, watching)
        yield adapters


async def _watch(mailbox: Mailbox, adapters: Adapters, seconds: float) -> None:
    """Watch for ever: what ends a watch, such as a database that is away, is logged, and another one begun."""
    while True:
        watch = asyncio.ensure_future(mailbox.watch(partial(adapters.take_in, "email")))
        try:
            await asyncio.wait({watch})
        finally:
            watch.cancel()
        log.error("mailbox.watch_failed", exc_info=watch.exception())
        await asyncio.sleep(seconds)


async def _end(watching: asyncio.Task[None]) -> None:
    watching.cancel()
    await asyncio.wait({watching})
