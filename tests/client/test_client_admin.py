"""The admin's calls, and callbacks from the service to their receiver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from docent_client import CallbackInvalid, DocentError, NewTicket, verify_callback
from tests.chat.visiting import PORT
from tests.service.serving import until

Client = Callable[..., Any]


@dataclass
class Receiver:
    """Takes callbacks in as they come: their headers and bodies."""

    url: str
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/docent")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def test_passages_are_searched(client: Client) -> None:
    found = client("admin").admin.search(PORT, k=2, explain=True)
    assert (found.question, len(found.results)) == (PORT, 2)
    assert any("7070" in hit.text and hit.explain for hit in found.results)
    assert client("admin").admin.search(PORT).results[0].explain is None


def test_jobs_are_listed_shown_and_refused_what_cannot_be(client: Client) -> None:
    ticket = client("tickets").tickets.create(NewTicket(body=PORT), wait=50)
    admin = client("admin").admin
    until(lambda: admin.job(ticket.job_id).state == "succeeded")
    job = admin.job(ticket.job_id)
    assert (job.kind, job.subject, job.error) == ("ticket", ticket.id, None)
    assert job in admin.jobs(kind="ticket", state="succeeded", limit=200)
    with pytest.raises(DocentError, match="409 job-conflict"):
        admin.cancel_job(job.id)
    with pytest.raises(DocentError, match="409 job-conflict"):
        admin.retry_job(job.id)


def test_callback_is_verified_and_delivered_again_under_its_id(client: Client, receiver: Receiver) -> None:
    admin = client("admin").admin
    secret = admin.rotate_secret()
    assert secret.previous_until is not None
    ticket = client("tickets").tickets.create(NewTicket(body=PORT, callback_url=receiver.url), wait=50)
    until(lambda: [one.state for one in admin.callbacks(ticket_id=ticket.id)] == ["delivered"])
    headers, body = receiver.received[0]
    callback = verify_callback(headers, body, secret.secret)
    assert callback.type == f"ticket.{ticket.state}" == "ticket.answered"
    assert (callback.data.id, callback.data.result) == (ticket.id, ticket.result)
    (delivery,) = admin.callbacks(ticket_id=ticket.id, state="delivered")
    assert headers["webhook-id"] == delivery.id
    assert admin.redeliver(delivery.id).id == delivery.id
    until(lambda: len(admin.callback(delivery.id).attempts) == 2)
    again, body_again = receiver.received[1]
    assert verify_callback(again, body_again, secret.secret) == callback
    assert again["webhook-id"] == delivery.id
    assert [one.status for one in admin.callback(delivery.id).attempts] == [204, 204]
    with pytest.raises(CallbackInvalid, match="the signature does not fit"):
        verify_callback(headers, body + b" ", secret.secret)
