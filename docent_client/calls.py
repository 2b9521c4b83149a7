"""Every call as data: what is sent, and how the response is read. The two clients send them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from docent_client.models import (
    CallbackSecret,
    CallbackState,
    Delivery,
    DeliveryWithAttempts,
    Format,
    Found,
    Health,
    Job,
    JobState,
    Mode,
    NewTicket,
    Outcome,
    OutcomeKind,
    Role,
    Ticket,
    TicketFilter,
    TicketPage,
)

T = TypeVar("T")
_JOBS, _DELIVERIES = TypeAdapter(list[Job]), TypeAdapter(list[Delivery])
_TICKETS, _CHAT, _ADMIN = "/api/v1/tickets", "/api/v1/chat", "/api/v1/admin"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """read: the response's body. repeatable: sent twice, it does what it does once. seconds: that the service may take
    before it answers. accepted: statuses of errors whose body is read as well.
    """

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Mapping[str, str | int | bool] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    seconds: float = 0.0
    accepted: frozenset[int] = frozenset()


def nothing(_: bytes) -> None:
    return


# --- tickets


def create_ticket(ticket: NewTicket, *, idempotency_key: str | None = None, wait: int = 0) -> Call[Ticket]:
    """Hand over a ticket; the same again gives what became of it.

    idempotency_key: yours, against repeats over restarts of your program; without one, each call makes one. wait:
    seconds to wait for the answer; the ticket may be unfinished all the same.
    """
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    if wait:
        headers["Prefer"] = f"wait={wait}"
    return Call("POST", _TICKETS, Ticket.model_validate_json, body=_json(ticket), headers=headers, seconds=wait)


def get_ticket(ticket_id: str) -> Call[Ticket]:
    return Call("GET", _ticket(ticket_id), Ticket.model_validate_json)


def list_tickets(wanted: TicketFilter | None = None, *, cursor: str | None = None, limit: int = 20) -> Call[TicketPage]:
    """A page, the newest tickets first. `next_cursor` of it is the cursor of the next one."""
    query = _given(cursor=cursor, limit=limit) | (_json(wanted) if wanted else {})
    return Call("GET", _TICKETS, TicketPage.model_validate_json, query=query)


def change_ticket(
    ticket_id: str,
    *,
    assignee: str | None = None,
    labels: Sequence[str] | None = None,
    subject: str | None = None,
    mode: Mode | None = None,
    version: int | None = None,
) -> Call[Ticket]:
    """Say that the ticket has changed there; None: as it was. version: only if the ticket still has this one, or
    DocentError with status 409.
    """
    given = None if labels is None else list(labels)
    body = _given(assignee=assignee, labels=given, subject=subject, mode=mode, version=version)
    # Without a version, a second one would make a stale draft of the answer that was made between the two.
    return Call("PATCH", _ticket(ticket_id), Ticket.model_validate_json, body=body, repeatable=False)


def cancel_ticket(ticket_id: str) -> Call[Ticket]:
    """End a ticket before it is answered."""
    return Call("POST", f"{_ticket(ticket_id)}/cancel", Ticket.model_validate_json)


def add_message(
    ticket_id: str,
    body: str,
    *,
    role: Role = "requester",
    format: Format = "text",  # noqa: A002  (as the service calls it)
    message_id: str | None = None,
) -> Call[Ticket]:
    """Add a message; the requester's reopens the ticket. message_id: yours, against repeats over restarts."""
    return Call(
        "POST",
        f"{_ticket(ticket_id)}/messages",
        Ticket.model_validate_json,
        query={"message_id": message_id or str(uuid.uuid4())},
        body={"role": role, "body": body, "format": format},
    )


def set_outcome(
    ticket_id: str, outcome: OutcomeKind, *, text: str | None = None, by: str = "", answer_id: str | None = None
) -> Call[Outcome]:
    """Say what became of the answer. text: what was sent instead, for `edited`. by: who decided, as an opaque id.

    answer_id: the result's that was judged; a ticket that was answered anew since then is a conflict.
    """
    body = _given(outcome=outcome, text=text, by=by, answer_id=answer_id)
    return Call("PUT", f"{_ticket(ticket_id)}/outcome", Outcome.model_validate_json, body=body)


# --- chat


def ask(question: str, conversation_id: str | None, message_id: str) -> Call[None]:
    """The events of a new answer. A second one with the same message_id is refused, and names the first one's."""
    body = _given(question=question, conversation_id=conversation_id, message_id=message_id)
    return Call("POST", f"{_CHAT}/messages", nothing, body=body, headers={"Accept": "text/event-stream"})


def answer_events(answer_id: str, last_event_id: str) -> Call[None]:
    """The events of an answer behind one; '': all."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    return Call("GET", f"{_CHAT}/answers/{quote(answer_id, safe='')}/events", nothing, headers=headers)


def stop_answer(answer_id: str) -> Call[None]:
    """End an answer where it is."""
    return Call("POST", f"{_CHAT}/answers/{quote(answer_id, safe='')}/stop", nothing)


# --- admin


def search(query: str, *, k: int = 5, explain: bool = False) -> Call[Found]:
    """The best k passages, without an answer."""
    parameters: dict[str, str | int | bool] = {"q": query, "k": k, "explain": explain}
    return Call("GET", f"{_ADMIN}/search", Found.model_validate_json, query=parameters)


def list_jobs(kind: str | None = None, state: JobState | None = None, limit: int = 50) -> Call[list[Job]]:
    """The newest first."""
    return Call("GET", f"{_ADMIN}/jobs", _JOBS.validate_json, query=_given(kind=kind, state=state, limit=limit))


def get_job(job_id: str) -> Call[Job]:
    return Call("GET", _job(job_id), Job.model_validate_json)


def cancel_job(job_id: str) -> Call[Job]:
    return Call("POST", f"{_job(job_id)}/cancel", Job.model_validate_json)


def retry_job(job_id: str) -> Call[Job]:
    """Run a job again that failed or was cancelled."""
    return Call("POST", f"{_job(job_id)}/retry", Job.model_validate_json, repeatable=False)


def list_callbacks(
    ticket_id: str | None = None, state: CallbackState | None = None, limit: int = 50
) -> Call[list[Delivery]]:
    """The newest first."""
    query = _given(ticket_id=ticket_id, state=state, limit=limit)
    return Call("GET", f"{_ADMIN}/callbacks", _DELIVERIES.validate_json, query=query)


def get_callback(callback_id: str) -> Call[DeliveryWithAttempts]:
    """A callback with every attempt to deliver it."""
    return Call("GET", _callback(callback_id), DeliveryWithAttempts.model_validate_json)


def redeliver(callback_id: str) -> Call[Delivery]:
    """Deliver a callback once more, under the same id."""
    return Call("POST", f"{_callback(callback_id)}/redeliver", Delivery.model_validate_json, repeatable=False)


def rotate_secret() -> Call[CallbackSecret]:
    """Make a new secret for callbacks. The one before it signs as well until `previous_until`."""
    return Call("POST", f"{_ADMIN}/callback-secret/rotate", CallbackSecret.model_validate_json, repeatable=False)


# --- health


def live() -> Call[Health]:
    """The process answers."""
    return Call("GET", "/livez", Health.model_validate_json)


def ready() -> Call[Health]:
    """Whether questions can be answered: then nothing is in `waiting`."""
    return Call("GET", "/readyz", Health.model_validate_json, accepted=frozenset({503}))


def _ticket(ticket_id: str) -> str:
    return f"{_TICKETS}/{quote(ticket_id, safe='')}"


def _job(job_id: str) -> str:
    return f"{_ADMIN}/jobs/{quote(job_id, safe='')}"


def _callback(callback_id: str) -> str:
    return f"{_ADMIN}/callbacks/{quote(callback_id, safe='')}"


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)
