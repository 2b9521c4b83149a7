"""Callbacks of tickets: what the receiver gets, what is tried again, and what an operator sees and does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.answering.scripted_model import ScriptedModel
from tests.callbacks.beside import in_turn, receiving_beside
from tests.callbacks.receiver import Received
from tests.chat.visiting import problem
from tests.postgresql.databases import rows
from tests.service.fixtures import indexed, model, serve
from tests.service.serving import Service, until
from tests.tickets.ticketing import GOOD, answered, execute

__all__ = ["indexed", "model", "serve"]

CALLBACKS = "/api/v1/admin/callbacks"
LOOPBACK = {"TICKETS__CALLBACK_HOSTS": "127.0.0.0/8"}
Serve = Callable[..., Service]


def callback_of(service: Service, ticket: dict[str, Any], state: str) -> dict[str, Any]:
    """The ticket's one callback once it is in this state."""

    def found() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = service.client.get(CALLBACKS, params={"ticket_id": ticket["id"]}).json()
        return listed

    until(lambda: [one["state"] for one in found()] == [state])
    detail: dict[str, Any] = service.client.get(f"{CALLBACKS}/{found()[0]['id']}").json()
    return detail


def secret_of(service: Service) -> str:
    ((secret,),) = rows(service.data_dir, "SELECT current FROM callback_secrets")
    return str(secret)


def verified(request: Received, secret: str) -> dict[str, Any]:
    told: dict[str, Any] = Webhook(secret).verify(request.body, request.headers)
    return told


def test_the_finished_ticket_is_told_signed(serve: Serve, model: ScriptedModel) -> None:
    service = serve(**LOOPBACK)
    model.respond = lambda _: GOOD
    with receiving_beside(in_turn("200 OK")) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook?of=docent"
        ticket = answered(service, external_id="4711", callback_url=url)
        callback = callback_of(service, ticket, "delivered")
        (request,) = receiver.requests
        told = verified(request, secret_of(service))
        assert told["type"] == "ticket.answered"
        assert told["data"] == ticket
        assert request.headers["webhook-id"] == callback["id"]
        assert (callback["url"], callback["event"], callback["next_at"]) == (url, "ticket.answered", None)
        assert [(one["number"], one["status"], one["failure"]) for one in callback["attempts"]] == [(1, 200, None)]

        # An operator asks for it once more: the same message, and the log has both.
        path = f"{CALLBACKS}/{callback['id']}/redeliver"
        assert service.client.post(path).status_code == 202
        until(lambda: len(receiver.requests) == 2)
        assert callback_of(service, ticket, "delivered")["attempts"][-1]["number"] == 2
        assert receiver.requests[1].body == request.body
        assert receiver.requests[1].headers["webhook-id"] == callback["id"]

        # After a rotation receivers with the old secret and with the new one are both served.
        old = secret_of(service)
        rotated = service.client.post("/api/v1/admin/callback-secret/rotate").json()
        assert (rotated["secret"], rotated["secret"] == old) == (secret_of(service), False)
        service.client.post(path)
        until(lambda: len(receiver.requests) == 3)
        for secret in (old, rotated["secret"]):
            assert verified(receiver.requests[2], secret)["data"] == ticket
        callback_of(service, ticket, "delivered")
        service.client.post("/api/v1/admin/callback-secret/rotate")
        service.client.post(path)
        until(lambda: len(receiver.requests) == 4)
        with pytest.raises(WebhookVerificationError):
            verified(receiver.requests[3], old)
    problem(service.client.post(f"{CALLBACKS}/msg_{0:024x}/redeliver"), 404, "not-found")


def test_a_receiver_that_is_away_is_tried_again(serve: Serve, model: ScriptedModel) -> None:
    service = serve(**LOOPBACK)
    model.respond = lambda _: GOOD
    with receiving_beside(in_turn("503 Service Unavailable", "200 OK")) as receiver:
        ticket = answered(service, callback_url=f"http://127.0.0.1:{receiver.port}/hook")
        until(lambda: bool(receiver.requests))
        until(lambda: callback_of(service, ticket, "pending")["next_at"] is not None)
        waiting = callback_of(service, ticket, "pending")
        assert [(one["status"], one["failure"]) for one in waiting["attempts"]] == [(503, "status")]
        refused = service.client.post(f"{CALLBACKS}/{waiting['id']}/redeliver")
        assert "being delivered" in problem(refused, 422, "invalid-input")["detail"]
        (job,) = service.client.get("/api/v1/admin/jobs", params={"kind": "callback"}).json()
        until(lambda: service.client.get(f"/api/v1/admin/jobs/{job['id']}").json()["state"] == "queued")
        execute(service.data_dir, "UPDATE jobs SET due_at = created_at WHERE id = :id", id=job["id"])
        delivered = callback_of(service, ticket, "delivered")
        assert [one["status"] for one in delivered["attempts"]] == [503, 200]
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_loopback_is_refused_where_nobody_allowed_it(serve: Serve, model: ScriptedModel) -> None:
    service = serve()
    model.respond = lambda _: GOOD
    with receiving_beside() as receiver:
        # A name that leads inside is seen when it is resolved, an address at once (see the tickets' own tests).
        ticket = answered(service, callback_url=f"https://localhost:{receiver.port}/hook")
        failed = callback_of(service, ticket, "failed")
        assert [(one["status"], one["failure"]) for one in failed["attempts"]] == [(None, "refused")]
        assert receiver.connections == 0
    (job,) = service.client.get("/api/v1/admin/jobs", params={"kind": "callback", "state": "failed"}).json()
    assert "refused" in job["error"]["detail"]


def test_a_receiver_that_refuses_for_good(serve: Serve, model: ScriptedModel) -> None:
    service = serve(**LOOPBACK)
    model.respond = lambda _: GOOD
    with receiving_beside(in_turn("422 Unprocessable Content", "200 OK", "410 Gone")) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook"
        ticket = answered(service, callback_url=url)
        failed = callback_of(service, ticket, "failed")
        assert [one["status"] for one in failed["attempts"]] == [422]
        until(lambda: bool(_jobs(service, "failed")))
        (job,) = _jobs(service, "failed")
        assert job["error"]["detail"] == "not delivered after 1 attempts: status 422"
        path = f"/api/v1/admin/jobs/{job['id']}"
        again = service.client.post(f"{path}/retry", params={"reason": "the receiver is mended"}).json()
        assert (again["state"], again["reason"]) == ("queued", "the receiver is mended")
        assert [one["status"] for one in callback_of(service, ticket, "delivered")["attempts"]] == [422, 200]
        until(lambda: service.client.get(path).json()["state"] == "succeeded")
        problem(service.client.post(f"{path}/retry"), 409, "job-conflict")
        problem(service.client.post(f"{path}/cancel"), 409, "job-conflict")

        gone = answered(service, callback_url=url)
        callback_of(service, gone, "failed")
        assert service.client.get(f"/api/v1/tickets/{gone['id']}").json()["callback_url"] is None
    assert [one["state"] for one in service.client.get(CALLBACKS, params={"limit": 1}).json()] == ["failed"]
    assert len(service.client.get(CALLBACKS, params={"state": "delivered"}).json()) == 1


def _jobs(service: Service, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.client.get(
        "/api/v1/admin/jobs", params={"kind": "callback", "state": state}
    ).json()
    return found


def test_a_cancelled_delivery_can_be_asked_for_again(serve: Serve, model: ScriptedModel) -> None:
    service = serve(**LOOPBACK)
    model.respond = lambda _: GOOD
    with receiving_beside(in_turn("503 Service Unavailable", "200 OK")) as receiver:
        ticket = answered(service, callback_url=f"http://127.0.0.1:{receiver.port}/hook")
        until(lambda: bool(receiver.requests) and bool(_jobs(service, "queued")))
        (job,) = _jobs(service, "queued")
        service.client.post(f"/api/v1/admin/jobs/{job['id']}/cancel")
        failed = callback_of(service, ticket, "failed")
        assert failed["next_at"] is None
        service.client.post(f"{CALLBACKS}/{failed['id']}/redeliver")
        assert [one["status"] for one in callback_of(service, ticket, "delivered")["attempts"]] == [503, 200]
