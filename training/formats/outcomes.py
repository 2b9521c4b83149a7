"""Preference pairs of what became of drafts: what a person sent instead is chosen, the draft rejected.

A line is a ticket as `GET /api/v1/tickets/{id}` gives it; read are `result.question`, `result.text`,
`result.citations[].marker` and `.chunk_id`, `result.questions`, `outcome.outcome` and `outcome.text`. Tickets without
an outcome, with an accepted one or with several questions are left out. So are those whose sent text does not stand
on the docs: a model may not be taught to know it by heart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from app.index.section import Chunk
from training.corpus import Corpus, section_of
from training.errors import SourceError
from training.formats.citing import Cited, Grounds
from training.formats.pairs import preference_row
from training.formats.raft import ExampleMaker, answer_prompt
from training.schema.prepare import Raft
from training.splitting import Entry, KnownQuestions, Side, Split

_MARKER = re.compile(r"\[(\d{1,3})\](?!\()")


class _Citation(BaseModel):
    marker: int
    chunk_id: str


class _Result(BaseModel):
    question: str
    text: str
    citations: list[_Citation] = []
    questions: list[Any] = []


class _Outcome(BaseModel):
    outcome: str
    text: str | None = None


class _Ticket(BaseModel):
    result: _Result | None = None
    outcome: _Outcome | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A draft that a person did not send as it was. citations: chunk ids by the draft's markers."""

    question: str
    draft: str
    sent: str
    citations: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class OutcomePair:
    row: dict[str, Any]
    entry: Entry
    side: Side


def judged(row: Mapping[str, Any]) -> Judged | str:
    """A line as it is used, or in a few words why it is not. Raises SourceError for one that is no ticket."""
    try:
        ticket = _Ticket.model_validate(row)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise SourceError(f"is no ticket of the tickets API: {place}") from error
    result, outcome = ticket.result, ticket.outcome
    if result is None or outcome is None or outcome.outcome == "accepted":
        return "nothing was sent instead of it"
    if len(result.questions) > 1:
        return "it answers several questions"
    if not (outcome.text or "").strip():
        return "what was sent is not known"
    citations = {one.marker: one.chunk_id for one in result.citations}
    return Judged(result.question.strip(), result.text.strip(), (outcome.text or "").strip(), citations)


class OutcomePairs:
    """Makes preference pairs of judged drafts, each on the side of the section that the sent text stands on."""

    def __init__(
        self, corpus: Corpus, grounds: Grounds, maker: ExampleMaker, settings: Raft, *, split: Split, near: float
    ) -> None:
        self._by_id = corpus.by_id
        self._grounds = grounds
        self._maker = maker
        self._settings = settings
        self._held_out_sections = split.held_out_sections
        self._near: dict[Side, KnownQuestions] = {  # of the other side
            "train": KnownQuestions([one.pair.question for one in split.held_out], near),
            "held_out": KnownQuestions([one.pair.question for one in split.train], near),
        }

    async def make(self, given: Judged, seed: int) -> OutcomePair | str:
        """The pair, or in a few words why there is none."""
        draft_chunks = [self._by_id[one] for one in given.citations.values() if one in self._by_id]
        found = await self._maker.found(given.question, "held_out")
        known = list({chunk.id: chunk for chunk in [*draft_chunks, *found]}.values())
        cited = self._grounds.cite(given.sent, known)
        if not cited.claims or cited.supported < self._settings.min_supported:
            return "what was sent does not stand on the docs"
        own = section_of(self._by_id[cited.chunks[0]])
        side: Side = "held_out" if own in self._held_out_sections else "train"
        if self._near[side].has_near(given.question):
            return "its question is near one of the other side"
        passages = self._passages(cited, known, side)
        numbers = {chunk.id: number for number, chunk in enumerate(passages, start=1)}
        if not set(cited.chunks) <= set(numbers):
            return "what was sent stands on sections of the other side"
        shown = self._maker.ordered(passages, random.Random(f"{seed} {given.question}"))  # noqa: S311  (no secret)
        numbers = {chunk.id: number for number, chunk in enumerate(shown, start=1)}
        draft = renumbered(given, numbers)
        chosen = cited.text(numbers)
        if draft == chosen:
            return "what was sent says the same"
        row = preference_row(answer_prompt(given.question, shown), chosen, draft, reason="outcome", section=own)
        return OutcomePair(row, Entry(given.question, own, frozenset(map(section_of, shown))), side)

    def _passages(self, cited: Cited, known: Sequence[Chunk], side: Side) -> list[Chunk]:
        """What the sent text stands on, and of the others as many as fit, best first."""
        allowed = [one for one in known if side == "held_out" or section_of(one) not in self._held_out_sections]
        gold = [one for one in allowed if one.id in cited.chunks]
        room = self._settings.context_tokens - sum(one.tokens for one in gold)
        others: list[Chunk] = []
        for chunk in allowed:
            if chunk not in gold and len(others) < self._settings.distractors and chunk.tokens <= room:
                others.append(chunk)
                room -= chunk.tokens
        return [*gold, *others]


def renumbered(given: Judged, numbers: Mapping[str, int]) -> str:
    """The draft with the numbers of the prompt's passages; markers of passages that are not shown go."""

    def number(match: re.Match[str]) -> str:
        chunk_id = given.citations.get(int(match[1]), "")
        return f"[{numbers[chunk_id]}]" if chunk_id in numbers else ""

    return re.sub(r"[ \t]+$", "", _MARKER.sub(number, given.draft), flags=re.MULTILINE).strip()
