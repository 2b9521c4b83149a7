"""What was spent: a line a paid request, and the limit."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.errors import DocentError
from training.schema.teacher import Prices
from training.teacher.cache import Reply
from training.teacher.prompts import Prompt

_MILLION = 1_000_000
_BYTES_PER_TOKEN = 3  # fewer than any tokenizer was seen to need for English and code (about 4): it overestimates


class CostReached(DocentError):
    """The next request could pass max_cost."""

    status = 402
    kind = "max-cost"
    title = "The cost limit is reached"


def tokens_at_most(text: str) -> int:
    """Of a text whose tokenizer nobody told."""
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def prompt_tokens_at_most(prompt: Prompt) -> int:
    """With its schema, which some endpoints put into the prompt."""
    return sum(tokens_at_most(message.content) + 8 for message in prompt.messages) + tokens_at_most(str(prompt.schema))


def cost(prices: Prices, prompt_tokens: int, completion_tokens: int) -> float:
    return (prompt_tokens * prices.prompt + completion_tokens * prices.completion) / _MILLION


class Ledger:
    """Appends to a file that outlives the run: what an earlier one spent, which was cut off, counts.

    rows: of earlier runs and this one.
    """

    def __init__(self, path: Path, prices: Prices, max_cost: float | None) -> None:
        self._path = path
        self._prices = prices
        self._max_cost = max_cost
        self._reserved = 0.0
        self._settled = asyncio.Condition()
        self.rows = list(_whole_rows(path))
        self.spent = sum(float(row["cost"]) for row in self.rows)

    @asynccontextmanager
    async def reserved(self, prompt: Prompt, max_tokens: int) -> AsyncIterator[None]:
        """Room for one request at its most expensive. Raises CostReached when there is none and nothing is in flight.

        While others are in flight it waits: they may cost less than was set aside for them.
        """
        most = cost(self._prices, prompt_tokens_at_most(prompt), max_tokens)
        async with self._settled:
            await self._settled.wait_for(lambda: self._fits(most) or not self._reserved)
            if not self._fits(most):
                raise CostReached(
                    f"max_cost {self._max_cost:g}: {self.spent:.4f} is spent and the next request may cost {most:.4f}; "
                    "a higher max_cost goes on from there"
                )
            self._reserved += most
        try:
            yield
        finally:
            async with self._settled:
                self._reserved = max(0.0, self._reserved - most)
                if self._reserved < 1e-12:  # the rest of adding and subtracting floats
                    self._reserved = 0.0
                self._settled.notify_all()

    def _fits(self, most: float) -> bool:
        return self._max_cost is None or self.spent + self._reserved + most <= self._max_cost

    def add(self, row: dict[str, Any], prompt: Prompt, reply: Reply) -> None:
        """Written through to the disk. Tokens that the endpoint did not count are estimated, and the row says so."""
        counted = reply.prompt_tokens > 0
        prompt_tokens = reply.prompt_tokens if counted else prompt_tokens_at_most(prompt)
        completion_tokens = reply.completion_tokens if counted else tokens_at_most(reply.text)
        spent = cost(self._prices, prompt_tokens, completion_tokens)
        row |= {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "cost": spent}
        row |= {} if counted else {"estimated": True}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)
        self.spent += spent


def _whole_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Cuts off a last line that a kill left half written."""
    if not path.exists():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    for line in data[:whole].splitlines():
        yield json.loads(line)
