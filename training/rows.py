"""Rows of files, folders and hub data sets as chats and as preference pairs."""

from __future__ import annotations

import csv
import json
import os
import random
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from training.errors import SourceError
from training.fingerprint import data_hash
from training.schema.data import Replay, Rows, SftData
from training.schema.docs import Docs

Row = dict[str, Any]
Chat = list[dict[str, str]]


def located_path(rows: Rows) -> Path | None:
    """The file or folder, or None for a data set on the hub. Raises SourceError for an unset variable or no file."""
    text = os.path.expandvars(rows.path)
    if missing := re.search(r"\$\{?(\w+)", text):
        raise SourceError(f"{rows.path}: the environment variable {missing[1]} is not set")
    path = Path(text).expanduser()
    if path.exists():
        return path
    if path.suffix in {".csv", ".jsonl"} or text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise SourceError(f"there is no file {path}")
    return None


def rows_hash(rows: Rows) -> str:
    """A hash of the file or folder; of a data set on the hub its name."""
    path = located_path(rows)
    return f"hub:{rows.path}:{rows.split}" if path is None else data_hash(path)


def located_docs(docs: Docs) -> Path:
    """The folder or file. Raises SourceError for an unset variable, or where there is none."""
    path = located_path(Rows(path=docs.root))
    if path is None:
        raise SourceError(f"there is no folder {docs.root}: set `docs` to the documentation")
    return path


def read_rows(rows: Rows) -> list[Row]:
    """All rows up to `limit`. Raises SourceError with the line of a broken one, or where there is none."""
    found = list(islice(_every_row(rows), rows.limit))
    if not found:
        raise SourceError(f"{rows.path} holds no rows")
    return found


def _every_row(rows: Rows) -> Iterable[Row]:
    path = located_path(rows)
    if path is not None and path.suffix == ".csv":
        return _csv_rows(path)
    if path is not None and path.suffix == ".jsonl":
        return _jsonl_rows(path)
    return _dataset_rows(rows, path)


def _csv_rows(path: Path) -> Iterable[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _jsonl_rows(path: Path) -> Iterable[Row]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{path}:{number} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise SourceError(f"{path}:{number} is no JSON object")
            yield row


def _dataset_rows(rows: Rows, path: Path | None) -> Iterable[Row]:
    import datasets  # noqa: PLC0415  (2 s, and files need none of it)

    try:
        found = datasets.load_dataset(rows.path, split=rows.split) if path is None else datasets.load_from_disk(path)
    except (OSError, ValueError) as error:  # its errors for a missing hub, data set or split
        raise SourceError(f"{rows.path} cannot be loaded: {' '.join(str(error).split())}") from error
    return found[rows.split] if isinstance(found, datasets.DatasetDict) else found


def as_chat(row: Row, system: str = "") -> Chat:
    """The messages of a row, or those of its question and answer. Raises SourceError where it has neither."""
    if isinstance(row.get("messages"), list):
        return [{"role": str(one["role"]), "content": str(one["content"])} for one in row["messages"]]
    if not isinstance(row.get("question"), str) or not isinstance(row.get("answer"), str):
        raise SourceError(f"a row has neither messages nor question and answer: {', '.join(sorted(map(str, row)))}")
    opening = [{"role": "system", "content": system}] if system else []
    asked = {"role": "user", "content": row["question"].strip()}
    return [*opening, asked, {"role": "assistant", "content": row["answer"].strip()}]


def normalised(text: str) -> str:
    """Lower case words: what makes two questions one.

    >>> normalised("What is Nitro?  ")
    'what is nitro'
    """
    return " ".join(re.findall(r"\w+", text.lower()))


def _first_question(chat: Chat) -> str:
    return normalised(next((turn["content"] for turn in chat if turn["role"] == "user"), ""))


def held_apart(chats: Sequence[Chat], held_out: int, seed: int) -> tuple[list[Chat], list[Chat]]:
    """Train and held-out chats. Chats of the same question stay together; order is the given one."""
    chosen = held_out_places([_first_question(chat) for chat in chats], held_out, seed)
    train = [chat for place, chat in enumerate(chats) if place not in chosen]
    return train, [chats[place] for place in sorted(chosen)]


def held_out_places(questions: Sequence[str], held_out: int, seed: int) -> set[int]:
    """Places of at most `held_out` of the normalised `questions`; equal ones are all of them among these, or none."""
    if held_out >= len(questions):
        raise SourceError(f"{held_out} rows cannot be held out of {len(questions)}")
    groups: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        groups.setdefault(question, []).append(place)
    order = sorted(groups)
    random.Random(seed).shuffle(order)  # noqa: S311  (no secret)
    chosen: set[int] = set()
    for question in order:
        if len(chosen) + len(groups[question]) <= held_out:
            chosen.update(groups[question])
    return chosen


def sft_chats(data: SftData, seed: int) -> tuple[list[Chat], list[Chat]]:
    """Train (replay mixed in) and held-out chats. seed: which rows are replayed."""
    chats = [as_chat(row, data.system) for row in read_rows(data.train)]
    if data.held_out is None:
        train, held_out = held_apart(chats, data.held_out_rows, data.split_seed)
    else:
        train, held_out = chats, [as_chat(row, data.system) for row in read_rows(data.held_out)]
    return [*train, *(_replayed(data.replay, len(train), seed) if data.replay else [])], held_out


def _replayed(replay: Replay, train: int, seed: int) -> list[Chat]:
    chats = [as_chat(row) for row in read_rows(replay)]
    wanted = round(train * replay.share / (1 - replay.share))
    return random.Random(seed).sample(chats, min(wanted, len(chats)))  # noqa: S311
