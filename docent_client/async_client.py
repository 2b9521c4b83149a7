"""The client for programs with an event loop: the same calls, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import wraps
from typing import Any, Generic, ParamSpec, Self, TypeVar

import httpx

from docent_client import calls
from docent_client.calls import Call
from docent_client.errors import DocentError, error_of_connection, error_of_response
from docent_client.models import Answer, AnswerEvent, TicketFilter, TicketSummary
from docent_client.sending import Service, read
from docent_client.streaming import AnswerReading

P = ParamSpec("P")
T = TypeVar("T")


class _Sender:
    def __init__(self, service: Service, http: httpx.AsyncClient) -> None:
        self.service = service
        self.http = http

    async def send(self, call: Call[T]) -> T:
        patience = self.service.patience()
        while True:
            try:
                request = self.http.build_request(**self.service.request(call))
                return read(call, await self.http.send(request))
            except httpx.TransportError as error:
                failure = error_of_connection(error)
            except DocentError as error:
                failure = error
            await asyncio.sleep(patience.wait_after(failure, repeatable=call.repeatable))


class _Method(Generic[P, T]):
    """A call that is sent: the builder's arguments, and what the service answers."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self._build = build

    def __get__(self, part: _Part, _: object = None) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(self._build)
        async def send(*args: P.args, **kwargs: P.kwargs) -> T:
            return await part.sender.send(self._build(*args, **kwargs))

        return send


class _Part:
    def __init__(self, sender: _Sender) -> None:
        self.sender = sender


class AsyncTickets(_Part):
    """Key of scope tickets."""

    create = _Method(calls.create_ticket)
    get = _Method(calls.get_ticket)
    list = _Method(calls.list_tickets)
    change = _Method(calls.change_ticket)
    cancel = _Method(calls.cancel_ticket)
    add_message = _Method(calls.add_message)
    set_outcome = _Method(calls.set_outcome)

    async def each(self, wanted: TicketFilter | None = None, *, page: int = 100) -> AsyncGenerator[TicketSummary]:
        """All tickets that are wanted, the newest first, read page by page."""
        cursor: str | None = None
        while True:
            found = await self.list(wanted, cursor=cursor, limit=page)
            for ticket in found.tickets:
                yield ticket
            cursor = found.next_cursor
            if cursor is None:
                return


class AsyncChat(_Part):
    """Key of scope chat."""

    stop = _Method(calls.stop_answer)

    async def ask(self, question: str, *, conversation_id: str | None = None) -> Answer:
        """The answer, when it is whole. conversation_id: of an earlier answer, for a follow-up."""
        reading = AnswerReading(question, conversation_id, self.sender.service.patience())
        async for _ in self._events(reading):
            pass
        assert reading.answer is not None  # noqa: S101  (else `_events` has raised)
        return reading.answer

    def stream(self, question: str, *, conversation_id: str | None = None) -> AsyncGenerator[AnswerEvent]:
        """The events of an answer while it is made; the last one is an AnswerCompleted.

        A connection that breaks is made anew behind the last event, five times at most. Raises DocentError where there
        is no answer. Close the generator where you leave it early.
        """
        return self._events(AnswerReading(question, conversation_id, self.sender.service.patience()))

    async def _events(self, reading: AnswerReading) -> AsyncGenerator[AnswerEvent]:
        http, service = self.sender.http, self.sender.service
        while reading.answer is None:
            try:
                request = http.build_request(**service.request(reading.call))
                response = await http.send(request, stream=True)
                try:
                    if not response.is_success:
                        await response.aread()
                        raise error_of_response(response)
                    async for piece in response.aiter_bytes():
                        for event in reading.events(piece):
                            yield event
                    reading.check_ended()
                finally:
                    await response.aclose()
            except (httpx.TransportError, DocentError) as error:
                wait = reading.wait_after(error)
                await asyncio.sleep(wait)


class AsyncAdmin(_Part):
    """Key of scope admin."""

    search = _Method(calls.search)
    jobs = _Method(calls.list_jobs)
    job = _Method(calls.get_job)
    cancel_job = _Method(calls.cancel_job)
    retry_job = _Method(calls.retry_job)
    callbacks = _Method(calls.list_callbacks)
    callback = _Method(calls.get_callback)
    redeliver = _Method(calls.redeliver)
    rotate_secret = _Method(calls.rotate_secret)


class AsyncHealth(_Part):
    """No key."""

    live = _Method(calls.live)
    ready = _Method(calls.ready)


class AsyncDocent:
    """A client of one service with one key; calls raise DocentError. It may be shared by the tasks of one loop.

    timeout: seconds for a connection and for each piece of a response. retry_seconds: how long a call is sent again
    that was refused with 429 or 503, or, where that does no harm, whose connection failed. http: a client of your own,
    with proxies or certificates, which is not closed here.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        timeout: float = 30.0,
        retry_seconds: float = 60.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._http = http or httpx.AsyncClient()
        self._owned = http is None
        sender = _Sender(Service(url, key, timeout, retry_seconds), self._http)
        self.tickets, self.chat = AsyncTickets(sender), AsyncChat(sender)
        self.admin, self.health = AsyncAdmin(sender), AsyncHealth(sender)

    async def close(self) -> None:
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
