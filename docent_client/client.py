"""The client for programs without an event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Generic, ParamSpec, Self, TypeVar

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
    def __init__(self, service: Service, http: httpx.Client) -> None:
        self.service = service
        self.http = http

    def send(self, call: Call[T]) -> T:
        patience = self.service.patience()
        while True:
            try:
                return read(call, self.http.send(self.http.build_request(**self.service.request(call))))
            except httpx.TransportError as error:
                failure = error_of_connection(error)
            except DocentError as error:
                failure = error
            time.sleep(patience.wait_after(failure, repeatable=call.repeatable))


class _Method(Generic[P, T]):
    """A call that is sent: the builder's arguments, and what the service answers."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self._build = build

    def __get__(self, part: _Part, _: object = None) -> Callable[P, T]:
        @wraps(self._build)
        def send(*args: P.args, **kwargs: P.kwargs) -> T:
            return part.sender.send(self._build(*args, **kwargs))

        return send


class _Part:
    def __init__(self, sender: _Sender) -> None:
        self.sender = sender


class Tickets(_Part):
    """Key of scope tickets."""

    create = _Method(calls.create_ticket)
    get = _Method(calls.get_ticket)
    list = _Method(calls.list_tickets)
    change = _Method(calls.change_ticket)
    cancel = _Method(calls.cancel_ticket)
    add_message = _Method(calls.add_message)
    set_outcome = _Method(calls.set_outcome)

    def each(self, wanted: TicketFilter | None = None, *, page: int = 100) -> Iterator[TicketSummary]:
        """All tickets that are wanted, the newest first, read page by page."""
        cursor: str | None = None
        while True:
            found = self.list(wanted, cursor=cursor, limit=page)
            yield from found.tickets
            cursor = found.next_cursor
            if cursor is None:
                return


class Chat(_Part):
    """Key of scope chat."""

    stop = _Method(calls.stop_answer)

    def ask(self, question: str, *, conversation_id: str | None = None) -> Answer:
        """The answer, when it is whole. conversation_id: of an earlier answer, for a follow-up."""
        reading = AnswerReading(question, conversation_id, self.sender.service.patience())
        for _ in self._events(reading):
            pass
        assert reading.answer is not None  # noqa: S101  (else `_events` has raised)
        return reading.answer

    def stream(self, question: str, *, conversation_id: str | None = None) -> Iterator[AnswerEvent]:
        """The events of an answer while it is made; the last one is an AnswerCompleted.

        A connection that breaks is made anew behind the last event, five times at most. Raises DocentError where there
        is no answer. Close the iterator where you leave it early.
        """
        return self._events(AnswerReading(question, conversation_id, self.sender.service.patience()))

    def _events(self, reading: AnswerReading) -> Iterator[AnswerEvent]:
        http, service = self.sender.http, self.sender.service
        while reading.answer is None:
            try:
                response = http.send(http.build_request(**service.request(reading.call)), stream=True)
                try:
                    if not response.is_success:
                        response.read()
                        raise error_of_response(response)
                    for piece in response.iter_bytes():
                        yield from reading.events(piece)
                    reading.check_ended()
                finally:
                    response.close()
            except (httpx.TransportError, DocentError) as error:
                wait = reading.wait_after(error)
                time.sleep(wait)


class Admin(_Part):
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


class Health(_Part):
    """No key."""

    live = _Method(calls.live)
    ready = _Method(calls.ready)


class Docent:
    """A client of one service with one key; calls raise DocentError. It may be shared by threads.

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
        http: httpx.Client | None = None,
    ) -> None:
        self._http = http or httpx.Client()
        self._owned = http is None
        sender = _Sender(Service(url, key, timeout, retry_seconds), self._http)
        self.tickets, self.chat, self.admin, self.health = Tickets(sender), Chat(sender), Admin(sender), Health(sender)

    def close(self) -> None:
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
