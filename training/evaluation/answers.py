"""`evaluate answers`: the service's own answers to labelled questions, and what they are worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from app.answering.answer import Answer, AnswerCompleted
from app.answering.answerer import Answerer, Asked, new_answer_id
from app.answering.bundle import OneBundle
from app.answering.prompt import PROMPT_VERSION
from app.answering.trace import AnswerTrace
from app.config import Settings
from app.llm.client import ChatClient
from training.corpus import Corpus
from training.evaluation.mcq import ScoreCache
from training.evaluation.questions import Question
from training.fingerprint import json_hash


@dataclass(frozen=True, slots=True)
class Answered:
    """What the service made of one question.

    said, stood: sentences of the model, and those of them that stood on the docs. pages: of the citations, in order.
    quotes: citations; right_citations are those of a right page, verbatim those that stand in their chunk.
    similarity: cosine to the reference, None without one. milliseconds: to the first sentence shown, and in all.
    judged: an LLM judge's word, None without one.
    """

    id: str
    kind: str
    answered: str
    decision: str
    confidence: float
    text: str
    said: int
    stood: int
    pages: tuple[str, ...]
    right_citations: int
    quotes: int
    verbatim: int
    cites_right_page: bool
    similarity: float | None
    first_sentence_ms: float
    total_ms: float
    judged: bool | None = None

    @property
    def refused(self) -> bool:
        return self.answered == "none"

    @property
    def correct(self) -> bool:
        """Refused where the docs have no answer; else the judge's word, or without one a citation of a right page."""
        if self.kind != "answerable":
            return self.refused
        if self.refused:
            return False
        return self.cites_right_page if self.judged is None else self.judged


@dataclass(frozen=True, slots=True)
class Asking:
    """The questions to one corpus. docs_hash: of its files, by which answers are kept."""

    corpus: Corpus
    docs_hash: str
    questions: Sequence[Question]
    cache: ScoreCache
    advance: Callable[[], None]

    async def run(self, identity: str, client: ChatClient) -> list[Answered]:
        """One after the other, so that times are those of a service with one user."""
        settings = Settings().answering
        answerer = Answerer(OneBundle(settings, client), self.corpus.library)
        vectors = {one.id: self.corpus.embed([one.reference])[0] for one in self.questions if one.reference}
        found = []
        for one in self.questions:
            made_of = {"model": identity, "docs": self.docs_hash, "prompt": PROMPT_VERSION, "question": one.question}
            made_of |= {"answering": settings.model_dump(), "retrieval": Settings().retrieval.model_dump(mode="json")}
            key = json_hash(made_of)
            known = self.cache.get(key)
            if known is None:
                known = await self._asked(answerer, one)
                self.cache.put(key, known)
            found.append(self._answered(one, known, vectors.get(one.id)))
            self.advance()
        return found

    async def _asked(self, answerer: Answerer, one: Question) -> dict[str, Any]:
        trace = AnswerTrace()
        asked = Asked(new_answer_id(), "evaluation", one.question)
        answer: Answer | None = None
        began = time.perf_counter()
        async for event in answerer.answer(asked, [], trace):
            if isinstance(event, AnswerCompleted):
                answer = event.answer
        assert answer is not None  # noqa: S101  (the last event)
        segments = trace.stages.get("segments", [])
        return {
            "answer": answer.model_dump(mode="json"),
            "segments": [{"shown": segment["shown"]} for segment in segments],
            "seconds": round(time.perf_counter() - began, 4),
        }

    def _answered(self, one: Question, known: dict[str, Any], reference: np.ndarray | None) -> Answered:
        answer = Answer.model_validate(known["answer"])
        chunks = self.corpus.by_id
        cited = [(citation, chunks.get(citation.chunk_id)) for citation in answer.citations]
        pages = tuple(chunk.path for _, chunk in cited if chunk is not None)
        similarity = None
        if reference is not None and answer.kind != "none":
            similarity = round(float(self.corpus.embed([answer.text])[0] @ reference), 4)
        return Answered(
            id=one.id,
            kind=one.kind,
            answered=answer.kind,
            decision=answer.decision,
            confidence=answer.confidence,
            text=answer.text,
            said=len(known["segments"]),
            stood=sum(bool(segment["shown"]) for segment in known["segments"]),
            pages=tuple(dict.fromkeys(pages)),
            right_citations=sum(page in one.files for page in pages),
            quotes=len(cited),
            verbatim=sum(chunk is not None and citation.quote in chunk.text for citation, chunk in cited),
            cites_right_page=bool(set(pages) & set(one.files)),
            similarity=similarity,
            first_sentence_ms=answer.timings_ms.first_sentence,
            total_ms=answer.timings_ms.total,
        )


def with_verdicts(answered: Sequence[Answered], verdicts: dict[str, bool]) -> list[Answered]:
    """verdicts: of a judge, by id; of answers that refuse there are none."""
    return [replace(one, judged=verdicts.get(one.id)) for one in answered]


def as_row(model: str, one: Answered) -> dict[str, Any]:
    return {"model": model, **asdict(one), "refused": one.refused, "correct": one.correct}
