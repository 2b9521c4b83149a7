"""Tickets beside chats: what a ticket every five seconds does to visitors, and whether any is lost.

    python -m bench.tickets [--data-dir FOLDER] [--minutes 5] [--chats 4] [--rate 12] [--json]

Three times in one run: one visitor alone, `chats` visitors at once, and those with `rate` tickets a minute besides.
Printed is the median time to the model's first token as visitors have it, from their POST on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.__main__ import DOCS
from bench.questions import LabelledQuestion, load_questions
from bench.service import RunningService, docent_index, docent_serve
from bench.visitor import UNLIMITED, Visitor, visitors

_ALONE_SECONDS, _CHATS_SECONDS = 40.0, 60.0
_PATIENCE_SECONDS = 120.0  # for the tickets that are still open when the last one was sent


async def _chat(visitor: Visitor, questions: list[str], start: int, step: int, until: float) -> list[float]:
    """Milliseconds to the first token of one question after the other."""
    times, at = [], start
    while time.perf_counter() < until:
        asked = time.perf_counter()
        streamed = await visitor.ask(questions[at % len(questions)])
        at += step
        if streamed.answer is None:
            raise RuntimeError(f"a stream ended with {streamed.last or streamed.status}")
        timings = streamed.answer["timings_ms"]
        if timings["first_token"]:
            waited = (time.perf_counter() - asked) * 1000 - timings["total"]
            times.append(max(waited, 0.0) + timings["first_token"])
    return times


async def _chats(service: RunningService, questions: list[str], count: int, seconds: float) -> list[float]:
    until = time.perf_counter() + seconds
    async with visitors(service, count) as all_of_them:
        found = await asyncio.gather(
            *(_chat(one, questions, number, count, until) for number, one in enumerate(all_of_them))
        )
    return [waited for times in found for waited in times]


async def _tickets(service: RunningService, questions: list[str], rate: float, seconds: float) -> dict[str, Any]:
    """Send tickets at a steady rate, and wait for the last of them."""
    sent: dict[str, float] = {}
    waits: list[float] = []
    ends: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=service.url, headers=service.headers, timeout=60) as system:
        begun = time.perf_counter()
        for number in range(int(rate * seconds / 60)):
            await asyncio.sleep(max(0.0, begun + number * 60 / rate - time.perf_counter()))
            body = {"external_id": f"bench-{number}", "subject": "", "body": _mail(questions[number % len(questions)])}
            made = (await system.post("/api/v1/tickets", json=body)).raise_for_status().json()
            sent[made["id"]] = time.perf_counter()
        until = time.perf_counter() + _PATIENCE_SECONDS
        for ticket_id in sent:
            while True:
                ticket = (await system.get(f"/api/v1/tickets/{ticket_id}")).raise_for_status().json()
                if ticket["finished_at"] or time.perf_counter() > until:
                    break
                await asyncio.sleep(0.2)
            ends[ticket["state"]] += 1
            if ticket["finished_at"]:
                waits.append(_seconds(ticket["finished_at"]) - _seconds(ticket["created_at"]))
    return {"sent": len(sent), **dict(ends), "seconds_p50": _median(waits), "seconds_max": round(max(waits), 1)}


def _mail(question: str) -> str:
    return f"Hello,\n\n{question}\n\nKind regards\n--\nSent from my phone"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


async def measure(
    service: RunningService, asked: list[LabelledQuestion], options: argparse.Namespace
) -> dict[str, Any]:
    questions = [one.question for one in asked if one.kind == "answerable"]
    seconds = options.minutes * 60
    alone = await _chats(service, questions, 1, _ALONE_SECONDS)
    together = await _chats(service, questions, options.chats, _CHATS_SECONDS)
    beside, tickets = await asyncio.gather(
        _chats(service, questions, options.chats, seconds), _tickets(service, questions, options.rate, seconds)
    )
    return {
        "first_token_ms_p50_one_chat": _median(alone),
        f"first_token_ms_p50_{options.chats}_chats": _median(together),
        f"first_token_ms_p50_{options.chats}_chats_and_tickets": _median(beside),
        "ratio_to_one_chat": round(statistics.median(beside) / statistics.median(alone), 2),
        f"ratio_to_{options.chats}_chats": round(statistics.median(beside) / statistics.median(together), 2),
        "answers": len(beside),
        "tickets": tickets,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tickets")
    parser.add_argument("--data-dir", type=Path, help="with an index of the handbook; made when left out")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--chats", type=int, default=4)
    parser.add_argument("--rate", type=float, default=12, help="tickets a minute")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as temporary:
        data_dir = options.data_dir or Path(temporary)
        if options.data_dir is None:
            docent_index(data_dir, DOCS)
        with docent_serve(data_dir, **UNLIMITED) as service:
            result = asyncio.run(measure(service, load_questions("handbook"), options))
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<48} {value}")


if __name__ == "__main__":
    main()
