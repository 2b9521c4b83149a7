"""Ferry, a product that does not exist: its docs and pairs about them, for tests of what is made of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from training.corpus import Corpus, open_corpus
from training.formats.citing import Grounds
from training.pair import Pair, pair_from
from training.rows import read_as
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
    return read_as(Rows(path=str(PAIRS)), pair_from)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def corpus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Corpus]:
    async with open_corpus(DOCS, tmp_path_factory.mktemp("corpus")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grounds(corpus: Corpus) -> Grounds:
    return await Grounds.of(corpus)
