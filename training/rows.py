"""Rows of files, folders and hub data sets as chats and as preference pairs."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from training.errors import SourceError, SourceMissing
from training.fingerprint import data_hash
from training.row_files import ENDINGS, file_rows
from training.schema.data import Replay, Rows, SftData
from training.schema.docs import Docs

Row = dict[str, Any]
Chat = list[dict[str, str]]
MadeT = TypeVar("MadeT")


def located_path(rows: Rows) -> Path | None:
    """The file or folder, or None for a data set on the hub. Raises SourceError for an unset variable or no file."""
    text = os.path.expandvars(rows.path)
    if missing := re.search(r"\$\{?(\w+)", text):
        raise SourceError(f"{rows.path}: the environment variable {missing[1]} is not set")
    path = Path(text).expanduser()
    if path.exists():
        return path
    if path.suffix in ENDINGS or text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise SourceMissing(path, f"there is no file {path}")
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


def read_as(rows: Rows, made: Callable[[Row, int], MadeT]) -> list[MadeT]:
    """What `made` makes of each row and its number, from 1.

    A SourceError of `made` says what the row has or lacks ("has no question"); it is raised with file and number.
    """
    found = []
    for number, row in enumerate(read_rows(rows), start=1):
        try:
            found.append(made(row, number))
        except SourceError as error:
            raise SourceError(f"{rows.path}: row {number} {error.detail}") from error
    return found


def _every_row(rows: Rows) -> Iterable[Row]:
    path = located_path(rows)
    if path is not None and path.suffix in ENDINGS:
        return file_rows(path)
    if path is not None and path.is_file():
        raise SourceError(f"{path} is neither a .csv nor a .jsonl file: rows are read of these, and of saved folders")
    return _dataset_rows(rows, path)


def _dataset_rows(rows: Rows, path: Path | None) -> Iterable[Row]:
    import datasets  # noqa: PLC0415  (2 s, and files need none of it)

    try:
        found = datasets.load_dataset(rows.path, split=rows.split) if path is None else datasets.load_from_disk(path)
    except (OSError, ValueError) as error:  # its errors for a missing hub, data set or split
        raise SourceError(f"{rows.path} cannot be loaded: {' '.join(str(error).split())}") from error
    if not isinstance(found, datasets.DatasetDict):
        return found
    if rows.split not in found:
        raise SourceError(f"{rows.path} has no split {rows.split}: set `split` to one of {', '.join(found)}")
    return found[rows.split]


def as_chat(row: Row, system: str = "") -> Chat:
    """The messages of a row, or those of its question and answer. Raises SourceError for what nobody can learn from."""
    if isinstance(row.get("messages"), list):
        chat = [as_message(one) for one in row["messages"]]
    else:
        chat = _asked_and_answered(row, system)
    if not chat:
        raise SourceError("has no message in `messages`")
    if blank := next((one["role"] for one in chat if one["role"] != "system" and not one["content"].strip()), None):
        raise SourceError(f"has an empty message of the {blank}")
    return chat


def as_message(value: object, role: object = None) -> dict[str, str]:
    """A message with its role, or where it names none with `role`. Raises SourceError where it has no such texts."""
    named = (value.get("role") or role, value.get("content")) if isinstance(value, Mapping) else ()
    if not named or not all(isinstance(text, str) for text in named):
        raise SourceError(f"has a message without role and content in words: {str(value)[:80]}")
    return {"role": str(named[0]), "content": str(named[1])}


def _asked_and_answered(row: Row, system: str) -> Chat:
    if not isinstance(row.get("question"), str) or not isinstance(row.get("answer"), str):
        raise SourceError(f"has neither messages nor question and answer (it has: {columns(row)})")
    opening = [{"role": "system", "content": system}] if system else []
    asked = {"role": "user", "content": row["question"].strip()}
    return [*opening, asked, {"role": "assistant", "content": row["answer"].strip()}]


def columns(row: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, row)))


def normalised(text: str) -> str:
    """Lower case words: what makes two questions one.

    >>> normalised("What is Nitro?  ")
    'what is nitro'
    """
    return " ".join(re.findall(r"\w+", text.lower()))


def asked_in(content: str) -> str:
    r"""The normalised question of what a user says, without the passages before it in the service's prompt.

    >>> asked_in("Passages:\n\n[1] Lamp\ntext\n\nQuestion: How do I dim it?")
    'how do i dim it'
    """
    return normalised(content.rpartition("\n\nQuestion: ")[2])


def _first_question(chat: Chat) -> str:
    return next((asked_in(turn["content"]) for turn in chat if turn["role"] == "user"), "")


def _questions(chat: Chat) -> str:
    """All that is asked in it: chats that only open alike ("Hi") are not the same."""
    return "\n".join(asked_in(turn["content"]) for turn in chat if turn["role"] == "user")


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
    if held_out and not chosen:
        smallest = min(map(len, groups.values()))
        raise SourceError(f"no question has so few rows that {held_out} can be held out: hold out {smallest} or more")
    return chosen


def sft_chats(data: SftData, seed: int) -> tuple[list[Chat], list[Chat]]:
    """Train (replay mixed in) and held-out chats. seed: which rows are replayed.

    Rows to replay that ask what is held out are none. Raises SourceError where `train` and `held_out` ask the same.
    """
    chats = _chats(data.train, data.system)
    if data.held_out is None:
        train, held_out = held_apart(chats, data.held_out_rows, data.split_seed)
    else:
        train, held_out = chats, _chats(data.held_out, data.system)
        refuse_same_questions(data.train, map(_questions, train), data.held_out, map(_questions, held_out))
    return [*train, *(_replayed(data.replay, train, held_out, seed) if data.replay else [])], held_out


def refuse_same_questions(train: Rows, asked: Iterable[str], held_out: Rows, kept_back: Iterable[str]) -> None:
    """Raises SourceError with counts and the first of the normalised questions that stand in both files."""
    places = {question: number for number, question in reversed(list(enumerate(kept_back, start=1)))}
    places.pop("", None)  # nothing is asked
    both = [(number, places[question]) for number, question in enumerate(asked, start=1) if question in places]
    if both:
        number, other = both[0]
        raise SourceError(
            f"{len(both)} rows of {train.path} ask what is held out in {held_out.path}, the first is row {number}, "
            f"which asks as row {other} there: take them out of one of the files, or split anew with `prepare`"
        )


def _chats(rows: Rows, system: str) -> list[Chat]:
    return read_as(rows, lambda row, _: as_chat(row, system))


def _replayed(replay: Replay, train: Sequence[Chat], held_out: Sequence[Chat], seed: int) -> list[Chat]:
    kept_back = {_questions(chat) for chat in held_out}
    chats = [chat for chat in _chats(replay, "") if _questions(chat) not in kept_back]
    wanted = round(len(train) * replay.share / (1 - replay.share))
    return random.Random(seed).sample(chats, min(wanted, len(chats)))  # noqa: S311
