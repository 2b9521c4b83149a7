"""Places for answers: bounded, given back whatever happens, and taken in turn."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable

import pytest

from app.conversations.admission import Admission
from app.errors import Overloaded
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.postgresql.databases import rows
from tests.service.serving import Service, until

PORT = "Which port does the Lumen server listen on?"
GOOD = "The server listens on port 7070 by default [1]."


async def test_one_more_than_there_is_room_for_is_refused() -> None:
    admission = Admission(1, 1)
    first, second = admission.reserve(), admission.reserve()
    with pytest.raises(Overloaded) as refused:
        admission.reserve()
    assert refused.value.retry_after == 5
    async with first.turn():
        with pytest.raises(Overloaded):
            admission.reserve()
    async with admission.reserve().turn():
        second.give_back()
        second.give_back()  # once is all that counts
        admission.reserve()


async def test_a_ticket_that_is_never_used_is_given_back() -> None:
    admission = Admission(1, 0)
    admission.reserve()
    gc.collect()
    async with admission.reserve().turn():
        pass


async def test_a_ticket_serves_once() -> None:
    ticket = Admission(1, 0).reserve()
    async with ticket.turn():
        pass
    with pytest.raises(RuntimeError, match="used before"):
        async with ticket.turn():
            pass


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    admission = Admission(1, 1)
    working, waiting = admission.reserve(), admission.reserve()

    async def wait() -> None:
        async with waiting.turn():
            pass

    async with working.turn():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        admission.reserve().give_back()
    async with admission.reserve().turn():
        pass


def test_the_queue_over_http(serve: Callable[..., Service], model: ScriptedModel) -> None:
    """One answer at work, one that waits, and one too many; then a reader goes, and the next one's turn has come."""
    service = serve(SERVER__MAX_CONCURRENT_ANSWERS="1", SERVER__MAX_WAITING_ANSWERS="1", SERVER__RESUME_SECONDS="0")
    go_on = threading.Event()
    model.say(Reply(GOOD, waits=go_on), GOOD)
    waited: list[str] = []
    waiter = threading.Thread(target=lambda: waited.append(service.ask(PORT).json()["text"]))
    with service.open_stream(PORT) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: answer.started"
        until(lambda: len(model.requests) == 1)
        waiter.start()
        until(lambda: _stored_questions(service) == 2)  # the waiter has its place
        refused = service.ask(PORT)
        assert refused.status_code == 429
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["Retry-After"] == "5"
        assert refused.json()["type"] == "urn:docent:problem:overloaded"
        assert len(model.requests) == 1
    until(model.abandoned.is_set)  # the reader has gone: so has the request to the engine
    waiter.join()
    assert waited == ["The server listens on port 7070 by default. [1]"]
    assert len(model.requests) == 2
    go_on.set()


def _stored_questions(service: Service) -> int:
    ((stored,),) = rows(service.data_dir, "select count(*) from messages where role = 'user'")
    return int(stored)


def test_readers_who_go_leave_no_place_taken(serve: Callable[..., Service], model: ScriptedModel) -> None:
    service = serve(SERVER__MAX_CONCURRENT_ANSWERS="1", SERVER__MAX_WAITING_ANSWERS="0", SERVER__RESUME_SECONDS="0")
    never = threading.Event()

    def is_free() -> bool:
        model.replies.clear()
        model.say(GOOD)
        return service.ask(PORT).status_code == 200

    for _ in range(3):
        with service.open_stream(PORT) as stream:
            assert stream.status_code == 200  # and gone at once
        until(is_free)
        model.requests.clear()
        model.abandoned.clear()
        model.say(Reply(GOOD, waits=never))
        with service.open_stream(PORT) as stream:
            lines = stream.iter_lines()  # held, for its end would be that of the connection
            assert next(lines) == "event: answer.started"
            until(lambda: bool(model.requests))
        until(model.abandoned.is_set)
        until(is_free)
    never.set()
