"""Everything that works in the background, put together: jobs, tickets, callbacks, adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from app.adapters.registry import Adapters, open_adapters
from app.answering.answerer import Answerer
from app.callbacks import outbox
from app.callbacks.outbox import Outbox
from app.callbacks.pinned import PinnedTransport
from app.callbacks.targets import parse_allowed
from app.config import Settings
from app.jobs.precedence import Precedence
from app.jobs.runner import JobRunner
from app.jobs.work import Kind
from app.metrics import Metrics
from app.runtime import Core
from app.sources import jobs as index_jobs
from app.sources.jobs import IndexJobs
from app.sources.reindexing import Reindexing
from app.tickets import answering, notices
from app.tickets.answering import TicketAnswering
from app.tickets.service import TicketsService

_PUBLISHED_AT_ONCE = 1  # each looks first whether its answer stands there already: two would both see none
_TICKET_SECONDS, _PUBLISH_SECONDS = 900.0, 300.0  # some five questions on two busy cores; a few calls


@dataclass(frozen=True, slots=True)
class Working:
    runner: JobRunner
    tickets: TicketsService
    outbox: Outbox
    adapters: Adapters
    reindexing: Reindexing


@asynccontextmanager
async def open_jobs(
    settings: Settings, core: Core, answerer: Answerer, precedence: Precedence, metrics: Metrics, service: int
) -> AsyncIterator[Working]:
    """Begin to work off jobs, those of an earlier process first; at the end of the block what is at work is cut off.

    service: number of this one among those of the data folder.

    Raises ConfigurationError for settings that cannot be.
    """
    database = core.database
    allowed = parse_allowed(settings.tickets.callback_hosts)
    async with AsyncExitStack() as stack:
        transport = PinnedTransport(allowed)
        stack.push_async_callback(transport.aclose)
        box = Outbox(database, transport, timedelta(hours=settings.tickets.secret_overlap_hours))
        runner = JobRunner(settings.jobs, database, settings.data_dir, settings.database_url, service)
        tickets = TicketsService(settings.tickets, database, allowed, runner.wake)
        adapters = await stack.enter_async_context(open_adapters(settings, tickets))
        answers = TicketAnswering(database, answerer, core.library, precedence, metrics, notices.tell)
        reindexing = Reindexing(settings, database, core.catalog, core.indexer)
        index = IndexJobs(database, core.catalog, core.indexer, reindexing, precedence, settings.jobs.sync_hours)
        runner.register(Kind(answering.KIND, answers.work, settings.jobs.tickets, answers.give_up, _TICKET_SECONDS))
        runner.register(Kind(outbox.KIND, box.work, settings.jobs.callbacks, box.give_up))
        runner.register(Kind(notices.PUBLISH, adapters.publish, _PUBLISHED_AT_ONCE, seconds=_PUBLISH_SECONDS))
        runner.register(Kind(index_jobs.INDEX, index.index, 1))
        runner.register(Kind(index_jobs.REINDEX, index.reindex, 1))
        runner.register(Kind(index_jobs.SYNC, index.sync, 1))
        runner.every_sweep(index.queue_sync)
        runner.every_sweep(tickets.forget_old_keys)
        await runner.start()
        stack.push_async_callback(runner.close)
        yield Working(runner, tickets, box, adapters, reindexing)
