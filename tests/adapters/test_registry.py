"""What is common to the adapters: foreign events become tickets once, and finished tickets go back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.adapters.adapter import Added, Changed, Closed, Event, Opened, PublishFailed
from app.adapters.registry import Adapters
from app.callbacks.targets import parse_allowed
from app.config import Settings, TicketSettings
from app.db import Database, open_database, utc_now
from app.jobs.work import JobRun, Retry
from app.models.ticket import Ticket
from app.tickets import repository
from app.tickets.schemas import Origin, Said, TicketChange, TicketRequest, TicketResponse
from app.tickets.service import TicketsService
from tests.adapters.finished import result

FORUM = "forum"


@dataclass
class Wall:
    """A publisher that keeps what it is given."""

    failure: PublishFailed | None = None
    shown: list[tuple[Origin, TicketResponse]] = field(default_factory=list)

    async def publish(self, origin: Origin, ticket: TicketResponse) -> str:
        if self.failure is not None:
            raise self.failure
        self.shown.append((origin, ticket))
        return "comment 7"

    async def aclose(self) -> None:
        return


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = open_database(settings)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def tickets(database: Database) -> TicketsService:
    return TicketsService(TicketSettings(), database, parse_allowed(""), lambda: None)


def opened(external_id: str = "12", mode: str = "auto") -> Opened:
    request = TicketRequest.model_validate(
        {"external_id": external_id, "channel": FORUM, "body": "Where are the logs?", "mode": mode}
    )
    return Opened(request, {"topic": 12})


async def taken_in(adapters: Adapters, tickets: TicketsService, *events: Event) -> TicketResponse:
    await adapters.take_in(FORUM, events)
    return await tickets.get(await tickets.find(FORUM, "12"))


async def answer(database: Database, ticket: TicketResponse) -> None:
    """Store a decision, as the job that answers does."""
    async with database.transaction() as session:
        assert ticket.job_id is not None
        decided = result(version=ticket.version).model_dump(mode="json")
        assert await repository.settle(session, ticket.id, ticket.job_id, "answered", result=decided)


async def test_the_same_events_twice_change_nothing(tickets: TicketsService) -> None:
    adapters = Adapters(tickets, {})
    events: Sequence[Event] = (
        opened(),
        Added("12", Said(role="agent", body="Which ones?"), "post 2"),
        Added("12", Said(body="Those of the server."), "post 3"),
    )
    first = await taken_in(adapters, tickets, *events)
    assert [(one.role, one.body) for one in first.messages] == [
        ("requester", "Where are the logs?"),
        ("agent", "Which ones?"),
        ("requester", "Those of the server."),
    ]
    assert await taken_in(adapters, tickets, *events) == first
    assert (await tickets.with_origin(first.id))[1] == {"topic": 12}


async def test_who_helps_is_not_talked_over(tickets: TicketsService) -> None:
    """A message of somebody else than the requester is one of a person who is at it, member of the team or not."""
    adapters = Adapters(tickets, {})
    asked = Opened(opened().request.model_copy(update={"requester": "u1"}), {"topic": 12})
    own, helper = Said(body="I mean those of the server."), Said(body="Did you look into /var/log?")
    ticket = await taken_in(adapters, tickets, asked, Added("12", own, "2", "u1"), Added("12", helper, "3", "u2"))
    assert [one.role for one in ticket.messages] == ["requester", "requester", "agent"]


async def test_changes_and_the_end(tickets: TicketsService) -> None:
    adapters = Adapters(tickets, {})
    ticket = await taken_in(adapters, tickets, opened(), Changed("12", TicketChange(assignee="ann")))
    assert (ticket.assignee, ticket.state) == ("ann", "queued")
    assert (await taken_in(adapters, tickets, Closed("12"))).state == "cancelled"


async def test_what_cannot_be_done_is_passed_over(database: Database, tickets: TicketsService) -> None:
    """A webhook that is refused would be sent again and again."""
    adapters = Adapters(tickets, {})
    unknown = Changed("99", TicketChange(assignee="ann"))
    ticket = await taken_in(adapters, tickets, unknown, Closed("99"), opened())
    await answer(database, ticket)
    other = opened(mode="draft")
    ticket = await taken_in(adapters, tickets, Closed("12"), other, Changed("12", TicketChange(labels=["seen"])))
    assert (ticket.state, ticket.mode, ticket.labels) == ("answered", "auto", ["seen"])


async def test_an_answer_goes_back_where_its_question_came_from(database: Database, tickets: TicketsService) -> None:
    wall = Wall()
    adapters = Adapters(tickets, {FORUM: wall})
    ticket = await taken_in(adapters, tickets, opened())
    run = JobRun("job_1", 1, ticket.id, {"channel": FORUM})
    assert await adapters.publish(run) is None  # it has no answer (any more)
    await answer(database, ticket)
    assert await adapters.publish(run) == {"reference": "comment 7"}
    ((origin, shown),) = wall.shown
    assert (origin, shown) == ({"topic": 12}, await tickets.get(ticket.id))


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (TicketChange(assignee="ann"), ["assigned", "changed"]),
        (TicketChange(labels=["seen"]), ["changed"]),
        (TicketChange(mode="draft"), ["draft_mode", "changed"]),
    ],
)
async def test_who_comes_after_the_answer_and_before_it_is_shown(
    database: Database, tickets: TicketsService, change: TicketChange, reasons: list[str]
) -> None:
    """The foreign system may have been away for hours in between."""
    wall = Wall()
    adapters = Adapters(tickets, {FORUM: wall})
    ticket = await taken_in(adapters, tickets, opened())
    await answer(database, ticket)
    await taken_in(adapters, tickets, Changed("12", change))
    await adapters.publish(JobRun("job_1", 1, ticket.id, {"channel": FORUM}))
    shown = wall.shown[0][1].result
    assert shown is not None
    assert (shown.decision, shown.reasons) == ("draft", reasons)


async def test_answers_that_cannot_be_shown(database: Database, tickets: TicketsService) -> None:
    wall = Wall()
    ticket = await taken_in(Adapters(tickets, {}), tickets, opened())
    await answer(database, ticket)
    run = JobRun("job_1", 1, ticket.id, {"channel": FORUM})
    assert await Adapters(tickets, {}).publish(run) is None  # nothing hands answers out there
    other = JobRun("job_0", 1, ticket.id, {"channel": FORUM, "answer": "ans_000000000000000000000000"})
    assert await Adapters(tickets, {FORUM: wall}).publish(other) is None  # of an answer that a newer one replaced
    assert wall.shown == []
    adapters = Adapters(tickets, {FORUM: wall})
    wall.failure = PublishFailed("the forum is away", retryable=True, retry_after=60)
    with pytest.raises(Retry, match="the forum is away") as later:
        await adapters.publish(run)
    assert later.value.at is not None
    assert later.value.at - utc_now() > timedelta(seconds=50)
    wall.failure = PublishFailed("the forum is away", retryable=True)
    with pytest.raises(Retry) as later:
        await adapters.publish(run)
    assert later.value.at is not None
    async with database.transaction() as session:
        stored = await session.get(Ticket, ticket.id)
        assert stored is not None
        stored.finished_at = utc_now() - timedelta(hours=25)
    with pytest.raises(PublishFailed, match="the forum is away"):  # it was tried for a day
        await adapters.publish(run)
    wall.failure = PublishFailed("the token is wrong", retryable=False)
    with pytest.raises(PublishFailed, match="the token is wrong"):
        await adapters.publish(run)


async def test_a_mail_that_became_a_ticket(database: Database, tickets: TicketsService) -> None:
    adapters = Adapters(tickets, {})
    await taken_in(adapters, tickets, opened())
    async with database.transaction() as session:
        ticket = await session.get(Ticket, await tickets.find(FORUM, "12"))
        assert ticket is not None
        ticket.channel = "email"
    assert await adapters.known_mail(["11", "12", "13"]) == "12"
    assert await adapters.known_mail(["13"]) is None
