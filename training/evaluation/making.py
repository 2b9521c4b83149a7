"""Multiple-choice items that a teacher writes from the docs, and that a person reviews before they count."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from app.index.section import Chunk
from training.corpus import read_chunks
from training.errors import SourceError
from training.evaluation.items import LETTERS
from training.evaluation.progress import progress_bar
from training.filters.self_standing import bound_by
from training.rows import normalised, read_rows
from training.schema.data import Rows
from training.schema.teacher import Prices, Requests, Teacher
from training.teacher import prompts
from training.teacher.asking import Asking, Subject
from training.teacher.cache import Cache
from training.teacher.endpoint import open_endpoint
from training.teacher.ledger import Ledger
from training.teacher.replies import is_verbatim

COLUMNS = ("question", "a", "b", "c", "d", "correct", "source", "heading", "quote", "status")


class _Written(BaseModel):
    quote: str
    question: str
    right: str
    wrong: list[str]


class _Items(BaseModel):
    items: list[_Written]


@dataclass(frozen=True, slots=True)
class Making:
    """limit: chunks that are written about, drawn by the seed; None for all."""

    docs: Path
    out: Path
    teacher: Teacher
    requests: Requests = field(default_factory=Requests)
    per_chunk: int = 2
    limit: int | None = None
    seed: int = 42


def make_items(asked: Making) -> dict[str, int]:
    """Rows for `review` in `asked.out`; counts of what was written, kept and refused, by reason.

    Replies are kept in a folder beside it: the same command goes on after a kill. Raises SourceError where a file is
    there already, which may hold verdicts, and what the teacher's endpoint raises.
    """
    if asked.out.exists():
        raise SourceError(f"{asked.out} is there already, and may be reviewed: take another --out")
    if not asked.docs.exists():
        raise SourceError(f"there is no folder {asked.docs}: set --docs to the documentation")
    chunks = read_chunks(asked.docs)
    if not chunks:
        raise SourceError(f"{asked.docs} holds no page that can be read")
    if asked.limit is not None and asked.limit < len(chunks):
        chosen = sorted(random.Random(asked.seed).sample(range(len(chunks)), asked.limit))  # noqa: S311  (no secret)
        chunks = [chunks[place] for place in chosen]
    rows, counts = asyncio.run(_made(asked, chunks))
    _write_rows(asked.out, rows)
    return counts


async def _made(asked: Making, chunks: Sequence[Chunk]) -> tuple[list[dict[str, str]], dict[str, int]]:
    folder = _work_folder(asked.out)
    ledger = Ledger(folder / "ledger.jsonl", Prices(), None)
    async with open_endpoint(asked.teacher, asked.requests, asked.seed, folder / "engine") as endpoint:
        asking = Asking(endpoint, Cache(folder / "replies"), ledger, asked.requests)
        with progress_bar("items", len(chunks)) as advance:

            async def written(chunk: Chunk) -> list[_Written]:
                subject = Subject("mcq", 0, (chunk.id,))
                said = await asking.ask(prompts.choice([chunk], asked.per_chunk), subject, _Items)
                advance()
                return said[0].items if said else []

            found = await asyncio.gather(*(written(chunk) for chunk in chunks))
    if asking.stopped:
        raise type(asking.stopped)(f"{asking.stopped.detail}. What was said is kept: the same command goes on")
    return _rows(asked.seed, chunks, found, asking.failed)


def _work_folder(out: Path) -> Path:
    folder = out.with_name(f"{out.name}.work")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _rows(
    seed: int, chunks: Sequence[Chunk], found: Sequence[Sequence[_Written]], failed: int
) -> tuple[list[dict[str, str]], dict[str, int]]:
    """Right places are drawn in turns of four, so that each letter is right as often as the others."""
    draw = random.Random(seed)  # noqa: S311
    rows: list[dict[str, str]] = []
    counts = {"failed requests": failed, "written": 0, "kept": 0}
    places: list[int] = []
    known: set[str] = set()
    for chunk, items in zip(chunks, found, strict=True):
        for item in items:
            counts["written"] += 1
            reason = _fault(item, chunk, known)
            if reason:
                counts[reason] = counts.get(reason, 0) + 1
                continue
            known.add(normalised(item.question))
            places = places or draw.sample(range(len(LETTERS)), len(LETTERS))
            rows.append(_row(item, chunk, places.pop()))
            counts["kept"] += 1
    return rows, counts


def _fault(item: _Written, chunk: Chunk, known: set[str]) -> str:
    options = [normalised(one) for one in (item.right, *item.wrong)]
    if len(item.wrong) != len(LETTERS) - 1 or len(set(options)) < len(LETTERS) or not all(options):
        return "not four different options"
    if not is_verbatim(item.quote, [chunk.text]):
        return "quote is not in the docs"
    if not normalised(item.question) or normalised(item.question) in known:
        return "asked before"
    return "not self-standing" if bound_by(item.question, item.right) else ""


def _row(item: _Written, chunk: Chunk, place: int) -> dict[str, str]:
    options = [one.strip() for one in item.wrong]
    options.insert(place, item.right.strip())
    shown = dict(zip("abcd", options, strict=True))
    heading = chunk.heading_path[-1] if chunk.heading_path else ""
    told = {"source": chunk.path, "heading": heading, "quote": " ".join(item.quote.split()), "status": ""}
    return {"question": item.question.strip(), **shown, "correct": "abcd"[place], **told}


def _write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """All of it or nothing."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    aside = path.with_name(f".{path.name}")
    aside.write_text(text.getvalue(), encoding="utf-8")
    aside.replace(path)


def read_rows_for_review(path: Path) -> list[dict[str, str]]:
    """Raises SourceError where the file lacks a column."""
    rows = [{key: str(value or "") for key, value in row.items()} for row in read_rows(Rows(path=str(path)))]
    missing = [name for name in COLUMNS[:6] if name not in rows[0]]
    if missing:
        raise SourceError(f"{path}: no column {', '.join(missing)}")
    return [{name: row.get(name, "") for name in COLUMNS} for row in rows]


def record(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """The rows with what was decided so far."""
    _write_rows(path, rows)
