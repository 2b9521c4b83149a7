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
from app.config import Settings
from app.db import utc_now
from app.errors import NotFound
from app.jobs.work import JobFailed, JobRun, Retry
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
            await self._tickets.add_message(ticket_id, event.message, event.message_id)
        elif isinstance(event, Changed):
            await self._tickets.change(ticket_id, event.change)
        elif isinstance(event, Closed):
            await self._tickets.cancel(ticket_id)

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
            raise JobFailed(f"there is no adapter for {ticket.channel} any more: set it up, and retry this job")
        if ticket.result is None or ticket.state not in {"answered", "escalated"}:
            return None  # it was reopened or cancelled meanwhile: what comes of that is published
        # A person may have come between the answer and this, which may be hours later.
        standing = Standing(ticket.mode, bool(ticket.assignee), ticket.version != ticket.result.version)
        shown = never_over_a_person(ticket.result, standing)
        try:
            return {"reference": await publisher.publish(origin, ticket.model_copy(update={"result": shown}))}
        except PublishFailed as error:
            if not error.retryable:
                raise
            raise Retry(error.detail, _later(error)) from error


def _later(error: PublishFailed) -> datetime | None:
    return None if error.retry_after is None else utc_now() + timedelta(seconds=error.retry_after)


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
            watching = asyncio.create_task(mailbox.watch(partial(adapters.take_in, "email")), name="mailbox")
            stack.push_async_callback(_end, watching)
        yield adapters


async def _end(watching: asyncio.Task[None]) -> None:
    watching.cancel()
    await asyncio.wait({watching})
