"""Callbacks: queued in the transaction of what they tell of, delivered by a job each, and logged."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.callbacks.pinned import PinnedTransport
from app.callbacks.schedule import next_try
from app.callbacks.sending import Attempt, Delivery, deliver
from app.callbacks.signing import SigningSecret, SigningSecrets
from app.db import Database, utc_now
from app.errors import DocentError, InvalidInput, NotFound
from app.jobs.repository import add_job
from app.jobs.work import AGAIN, JobFailed, JobRun, Retry
from app.models.callback import Callback, CallbackAttempt, CallbackSecret
from app.models.ticket import Ticket

log = structlog.get_logger(__name__)

KIND = "callback"
_SECRETS = 1  # the id of their one row


def queue_callback(session: AsyncSession, ticket_id: str, event: str, url: str, data: dict[str, Any]) -> Callback:
    """A callback with the body that Standard Webhooks 1.0 proposes, and the job that delivers it."""
    now = utc_now()
    body = {"type": event, "timestamp": now.isoformat(), "data": data}
    callback = Callback(
        id=f"msg_{secrets.token_hex(12)}",
        ticket_id=ticket_id,
        event=event,
        url=url,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        next_at=now,
    )
    session.add(callback)
    add_job(session, KIND, callback.id)
    return callback


class CallbackLog:
    """What was delivered, and what will be; and the secrets that callbacks are signed with.

    overlap: how long the secret before a new one signs as well.
    """

    def __init__(self, database: Database, overlap: timedelta) -> None:
        self._database = database
        self._overlap = overlap

    async def redeliver(self, callback_id: str) -> Callback:
        """Deliver once more under the same id, whatever became of it before. Raises NotFound, InvalidInput."""
        async with self._database.transaction() as session:
            callback = await _find(session, callback_id)
            if callback.state == "pending":
                raise InvalidInput(f"the callback {callback_id} is being delivered: wait for it, or look at its job")
            callback.state, callback.first_at, callback.next_at = "pending", None, utc_now()
            add_job(session, KIND, callback.id)
        return callback

    async def find(self, callback_id: str) -> tuple[Callback, Sequence[CallbackAttempt]]:
        """A callback with its attempts, the first one first. Raises NotFound."""
        async with self._database.transaction() as session:
            callback = await _find(session, callback_id)
            attempts = select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id)
            return callback, (await session.scalars(attempts.order_by(CallbackAttempt.number))).all()

    async def list(self, ticket_id: str | None, state: str | None, limit: int) -> Sequence[Callback]:
        """The newest first."""
        query = select(Callback).order_by(Callback.created_at.desc(), Callback.id).limit(limit)
        if ticket_id is not None:
            query = query.where(Callback.ticket_id == ticket_id)
        if state is not None:
            query = query.where(Callback.state == state)
        async with self._database.transaction() as session:
            return (await session.scalars(query)).all()

    async def secret(self) -> SigningSecret:
        """What receivers verify with; made on the first call."""
        async with self._database.transaction() as session:
            return (await self._secrets(session)).current

    async def rotate_secret(self) -> tuple[SigningSecret, datetime]:
        """A new secret, and until when the one before it signs as well."""
        now = utc_now()
        async with self._database.transaction() as session:
            rotated = (await self._secrets(session)).rotated(SigningSecret.random(), now=now, overlap=self._overlap)
            row = await session.get(CallbackSecret, _SECRETS)
            assert row is not None and rotated.previous is not None  # noqa: S101, PT018  (just read)
            row.current, row.previous = rotated.current.reveal(), rotated.previous.reveal()
            row.previous_until, row.rotated_at = rotated.previous_until, now
        return rotated.current, now + self._overlap

    @staticmethod
    async def _secrets(session: AsyncSession) -> SigningSecrets:
        row = await session.get(CallbackSecret, _SECRETS)
        if row is None:
            row = CallbackSecret(id=_SECRETS, current=SigningSecret.random().reveal())
            session.add(row)
            await session.flush()
        previous = None if row.previous is None else SigningSecret(row.previous)
        return SigningSecrets(SigningSecret(row.current), previous, row.previous_until)


class Outbox(CallbackLog):
    """Delivers callbacks, and keeps their log."""

    def __init__(self, database: Database, transport: PinnedTransport, overlap: timedelta) -> None:
        super().__init__(database, overlap)
        self._transport = transport

    async def work(self, run: JobRun) -> None:
        """One attempt. Raises Retry where there is another to come."""
        async with self._database.transaction() as session:
            callback = await _find(session, run.subject)
            if AGAIN in run.arguments and not run.progress and callback.state == "failed":
                callback.state, callback.first_at = "pending", None
            if callback.state != "pending":
                return
            callback.first_at = callback.first_at or utc_now()
            signing = await self._secrets(session)
        now = utc_now()
        attempt = await deliver(
            Delivery(callback.id, callback.url, callback.body.encode(), signing.valid(now)), self._transport
        )
        async with self._database.transaction() as session:
            callback = await _find(session, run.subject)
            number = await _store(session, callback, attempt)
            again = self._conclude(callback, attempt)
            if attempt.disable:
                ticket = await session.get(Ticket, callback.ticket_id)
                if ticket is not None:
                    ticket.callback_url = None
        run.progress = {"attempts": number, "status": attempt.status, "failure": attempt.failure}
        if again is not None:
            raise Retry(f"attempt {number}: {attempt.failure} {attempt.status or ''}".strip(), again)
        if not attempt.delivered:
            raise JobFailed(f"not delivered after {number} attempts: {attempt.failure} {attempt.status or ''}".strip())

    @staticmethod
    def _conclude(callback: Callback, attempt: Attempt) -> datetime | None:
        """Write what came of an attempt to the callback; when to try again, if ever."""
        callback.next_at = None
        if attempt.delivered:
            callback.state = "delivered"
            return None
        first = callback.first_at or utc_now()
        wait = None
        if attempt.retry:
            wait = next_try(callback.id, (utc_now() - first).total_seconds(), attempt.retry_after)
        if wait is None:
            callback.state = "failed"
            return None
        callback.next_at = first + timedelta(seconds=wait)
        return callback.next_at

    async def give_up(self, callback_id: str, _job_id: str, error: DocentError) -> None:
        log.warning("callback.failed", callback=callback_id, detail=error.detail)
        async with self._database.transaction() as session:
            callback = await session.get(Callback, callback_id)
            if callback is not None and callback.state == "pending":
                callback.state, callback.next_at = "failed", None


async def _find(session: AsyncSession, callback_id: str) -> Callback:
    callback = await session.get(Callback, callback_id, populate_existing=True)
    if callback is None:
        raise NotFound(f"there is no callback {callback_id}: `docent callback list` shows them")
    return callback


async def _store(session: AsyncSession, callback: Callback, attempt: Attempt) -> int:
    """Put an attempt into the log; its number."""
    last = select(func.coalesce(func.max(CallbackAttempt.number), 0))
    number = (await session.execute(last.where(CallbackAttempt.callback_id == callback.id))).scalar_one() + 1
    session.add(
        CallbackAttempt(
            callback_id=callback.id,
            number=number,
            started_at=attempt.started_at,
            duration_ms=attempt.duration_ms,
            status=attempt.status,
            failure=None if attempt.failure is None else str(attempt.failure),
            excerpt=attempt.excerpt,
        )
    )
    return number
