"""Ferry, a product that does not exist: its docs and pairs about them, for tests of what is made of both."""

from __future__ import annotations

from pathlib import Path

from training.pair import Pair, pair_from
from training.rows import read_rows
from training.schema.data import Rows
from training.splitting import Placed, Side

DATA = Path(__file__).parent / "data"
DOCS = DATA / "ferry"
PAIRS = DATA / "ferry_pairs.jsonl"
TICKETS = DATA / "ferry_tickets.jsonl"


def page(name: str) -> str:
    """The section of a page of Ferry's docs, each of which is one chunk."""
    return f"ferry#{name}.md"


def placed(question: str, answer: str, chunk: str, *, side: Side = "train", **given: object) -> Placed:
    pair = pair_from({"question": question, "answer": answer, "chunks": [chunk], **given}, 1)
    return Placed(pair, "section", side)


def pairs() -> list[Pair]:
    return [pair_from(row, number) for number, row in enumerate(read_rows(Rows(path=str(PAIRS))), start=1)]
