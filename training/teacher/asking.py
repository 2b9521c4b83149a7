"""Asks the teacher, at most so many at a time: from the cache where it can, within the cost, failures kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from app.errors import DocentError
from training.schema.teacher import Requests
from training.teacher.cache import Cache, Reply, key_of, request_of
from training.teacher.endpoint import Endpoint, RequestFailed, TeacherRefuses
from training.teacher.ledger import CostReached, Ledger
from training.teacher.prompts import Prompt
from training.teacher.replies import Unusable, read

FormT = TypeVar("FormT", bound=BaseModel)

_ENOUGH = 20  # requests from which on the share of failed ones says something


class TooManyFailures(DocentError):
    """More requests failed than the recipe allows."""

    status = 502
    kind = "teacher-failures"
    title = "Too many requests failed"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about, as the ledger and the failures tell it. chunks: ids."""

    kind: str
    depth: int
    chunks: tuple[str, ...]


class Asking:
    """failures: one a request that failed and one a pair that was refused, raw text included.

    asked, cached, failed: counts of requests. stopped: why no more are sent; those in flight are awaited and kept.
    """

    def __init__(self, endpoint: Endpoint, cache: Cache, ledger: Ledger, how: Requests) -> None:
        self._endpoint = endpoint
        self._cache = cache
        self._ledger = ledger
        self._how = how
        self._slots = asyncio.Semaphore(how.concurrency)
        self.failures: list[dict[str, Any]] = []
        self.asked = self.cached = self.failed = 0
        self.stopped: DocentError | None = None

    @property
    def spent(self) -> float:
        return self._ledger.spent

    async def ask(self, prompt: Prompt, subject: Subject, form: type[FormT]) -> tuple[FormT, str] | None:
        """What was said in its form, and the raw text. None where it failed, or was not sent any more."""
        request = request_of(prompt, self._endpoint.model, self._endpoint.sampling)
        key = key_of(request)
        text = ""
        try:
            reply = self._cache.get(key)
            if reply is not None:
                self.cached += 1
            else:
                reply = await self._sent(prompt, subject, key, request)
            if reply is None:
                return None
            text = reply.text
            self.asked += 1
            return read(reply, form), text
        except RequestFailed as error:
            self.asked += 1
            self._count_failed(subject, error, text, key)
        except Unusable as error:
            self._count_failed(subject, error, text, key)
        return None

    async def _sent(self, prompt: Prompt, subject: Subject, key: str, request: dict[str, Any]) -> Reply | None:
        async with self._slots:
            if self.stopped:
                return None
            try:
                async with self._ledger.reserved(prompt, int(self._endpoint.sampling["max_tokens"])):
                    if self.stopped:
                        return None
                    began = time.monotonic()
                    reply, tries = await self._endpoint.reply(prompt)
                    row = asdict(subject) | {"key": key, "model": self._endpoint.model, "tries": tries}
                    row["seconds"] = round(time.monotonic() - began, 3)
                    self._ledger.add(row, prompt, reply)  # first, so that a kill in between never hides a cost
                    self._cache.put(key, request, reply)
                    return reply
            except (CostReached, TeacherRefuses) as error:
                self.stopped = self.stopped or error
                return None

    def refuse(self, subject: Subject, fault: Unusable, text: str) -> None:
        """Keep a pair that cannot be used."""
        self._keep(subject, fault.reason, fault.detail, text)

    def check_share(self, enough: int = 0) -> None:
        """Stops when more than the allowed share of at least `enough` requests failed."""
        if self.failed > self._how.max_failed_share * self.asked and self.asked >= enough:
            last = next(one for one in reversed(self.failures) if one["of"] == "request")
            self.stopped = self.stopped or TooManyFailures(
                f"{self.failed} of {self.asked} requests failed, the last with {last['reason']}: {last['detail']}; "
                "mend the cause and run the same command again, or raise requests.max_failed_share"
            )

    def _count_failed(self, subject: Subject, error: RequestFailed | Unusable, text: str, key: str) -> None:
        self.failed += 1
        self._keep(subject, error.reason, error.detail, text, key)
        self.check_share(_ENOUGH)

    def _keep(self, subject: Subject, reason: str, detail: str, text: str, key: str = "") -> None:
        of = "request" if key else "pair"
        row = {"of": of, "reason": reason, "detail": detail, **asdict(subject), "text": text}
        self.failures.append(row | ({"key": key} if key else {}))

    def forget_failed(self) -> None:
        """Ask again, the next time, for replies that could not be used: the cause may be mended by then."""
        for row in self.failures:
            if row["of"] == "request":
                self._cache.drop(row["key"])

    def sorted_failures(self, order: Sequence[str]) -> list[dict[str, Any]]:
        """By the place of their chunk in `order`: not by when they happened, which differs from run to run."""
        places = {chunk: place for place, chunk in enumerate(order)}
        return sorted(
            self.failures,
            key=lambda row: (places[row["chunks"][0]], row["kind"], row["depth"], row["reason"], row["text"]),
        )
