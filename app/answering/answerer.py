"""Question in, checked answer out, as a stream: plan, retrieve, weigh, generate, ground, decide."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cached_property

from app.answering.answer import (
    Answer,
    AnswerCitation,
    AnswerCompleted,
    AnswerDelta,
    Kind,
    Reason,
    Timings,
    Usage,
)
from app.answering.bundle import Bundle, Bundles
from app.answering.composition import Composition
from app.answering.decision import ABSTENTION_TEXTS, Verdict, abstention, judge
from app.answering.evidence import weigh
from app.answering.extract import Extractor, shown
from app.answering.grounding import GroundingCheck, Support, mean, unnumbered
from app.answering.packing import packed, telling
from app.answering.plan import Plan, plan, wants_number
from app.answering.prompt import NOT_IN_DOCS, PROMPT_VERSION, Passage, Turn, render_answer_prompt
from app.answering.quotes import Quote, quotes_of
from app.answering.segments import Segment, Segmenter
from app.answering.trace import AnswerTrace
from app.config import AnsweringSettings
from app.errors import EngineUnavailable, Overloaded, PromptTooLong
from app.index.embedding import Vector
from app.index.library import Library
from app.index.search import Candidate, SearchResult
from app.index.terms import terms
from app.llm.client import Message

# Generation is cut short when this many segments in a row did not stand: sooner while nothing is shown yet, for a
# model that begins with two of them seldom comes to the point, and the quotes that take over are waited for.
_DROPS_AT_FIRST, _DROPS_IN_A_ROW = 2, 4
_SILENT_PIECES = 160  # of about a token each: a model that repeats headings makes no segment to be dropped
_WITHOUT_THE_NUMBER = 0.0  # what the support of an answer counts that owes a number
_ALIKE = 0.8  # share of common terms from which on a segment repeats another
_REPEATS = 2  # and when the model says for the second time what it has said

AnswerEvent = AnswerDelta | AnswerCitation | AnswerCompleted


def new_answer_id() -> str:
    return f"ans_{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the ids that its answer will bear.

    terms: error messages, codes and commands to be searched for as they are, besides the question.
    """

    answer_id: str
    conversation_id: str
    question: str
    terms: tuple[str, ...] = ()


@dataclass(slots=True)
class _Run:
    """The state of one answer while it is made."""

    id: str
    conversation_id: str
    question: str
    trace: AnswerTrace
    bundle: Bundle
    started: float = field(default_factory=time.perf_counter)
    composition: Composition = field(default_factory=Composition)
    timings: Timings = field(default_factory=Timings)
    usage: Usage = field(default_factory=Usage)
    trouble: list[Reason] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    said: list[frozenset[str]] = field(default_factory=list)
    lead_in: tuple[Segment, Support] | None = None
    drops: int = 0
    repeats: int = 0
    refused: bool = False

    def elapsed(self) -> float:
        return round((time.perf_counter() - self.started) * 1000, 1)


@dataclass(frozen=True)
class _Material:
    """What an answer may stand on. candidates: the passages in the prompt's order; numbers start at 1. telling: those
    whose quotes are looked at, the best first.

    The passages are cut into quotes when the first sentence is there to be checked: the model need not wait for it.
    """

    result: SearchResult
    candidates: tuple[Candidate, ...]
    telling: Sequence[Candidate]
    question: str
    support_threshold: float
    embed: Callable[[str], Vector]

    @cached_property
    def quotes(self) -> tuple[Quote, ...]:
        return tuple(quote for number, one in enumerate(self.candidates, 1) for quote in quotes_of(one.chunk, number))

    @cached_property
    def check(self) -> GroundingCheck:
        return GroundingCheck(self.quotes, self.result.revision.vocabulary, self.embed, self.support_threshold)

    @cached_property
    def extractor(self) -> Extractor:
        """Chooses among further passages, too, whose quotes need no room in a prompt: of these, sentences and code, for
        their tables and lists are often of another matter, and say it in few words that fit too well.
        """
        further = [one for one in self.telling if one not in self.candidates]
        quotes = list(self.quotes)
        for number, one in enumerate(further, start=len(self.candidates) + 1):
            quotes.extend(quote for quote in quotes_of(one.chunk, number) if quote.kind in {"sentence", "code"})
        ranks = {number: self.telling.index(one) for number, one in enumerate([*self.candidates, *further], start=1)}
        vocabulary = self.result.revision.vocabulary
        return Extractor(self.question, self.result.question_vector, quotes, ranks, vocabulary, self.embed)

    def is_thin(self, composition: Composition) -> bool:
        """Whether nothing that was shown stands on a quote near the best: then the best are shown, too."""
        return not any(self.extractor.is_answer(quote) for quote in composition.quotes)


class Answerer:
    """Makes answers. Holds no state of any one of them, no HTTP and no SQL."""

    def __init__(self, bundles: Bundles, library: Library) -> None:
        self._bundles = bundles
        self._library = library

    async def answer(self, asked: Asked, history: Sequence[Turn], trace: AnswerTrace) -> AsyncGenerator[AnswerEvent]:
        """Deltas that have passed the grounding check, each with its citation behind it, then the whole answer.

        trace: filled while the answer is made. Raises IndexMissing and IndexMismatch before the first event; a model
        that fails is no error: what can be said without it is said, as a draft.
        """
        question = asked.question
        revision, release_id = await self._library.in_service()
        bundle = await self._bundles.of(release_id)
        run = _Run(asked.answer_id, asked.conversation_id, question, trace, bundle)
        recent = history[max(len(history) - bundle.settings.history_messages, 0) :]
        planned = await plan(question, recent, bundle.chat)
        trace.stages["plan"] = {
            "question": question,
            "query": planned.query,
            "condensed_by": planned.condensed_by,
            "rewrite": planned.raw_rewrite,
        }
        result = await self._library.search(planned.query, terms=asked.terms, revision=revision)
        run.timings.retrieve = round(sum(result.timings_ms.values()), 1)
        trace.retrieval(result)
        evidence = weigh(result, self._library.searcher.embedder.name)
        trace.stages["evidence"] = evidence.as_dict()
        refusal: Reason | None = None
        if planned.wants_person or planned.small_talk:
            refusal = "human_requested" if planned.wants_person else "off_topic"
        refusal = refusal or abstention(evidence.probability, bundle.settings)
        if refusal is not None:
            async for event in self._refuse(run, result, refusal, evidence.probability):
                yield event
            return
        material = self._material(planned, result, bundle.settings)
        async with aclosing(self._generate(run, planned, material)) as events:
            async for event in events:
                yield event
        async for event in self._conclude(run, material, evidence.probability):
            yield event

    def _material(self, planned: Plan, result: SearchResult, settings: AnsweringSettings) -> _Material:
        best = telling(result.candidates, settings)
        return _Material(
            result,
            packed(best, settings),
            best,
            planned.asked,
            settings.support_threshold,
            self._library.searcher.embedder.embed_query,
        )

    async def _generate(self, run: _Run, planned: Plan, material: _Material) -> AsyncGenerator[AnswerEvent]:
        candidates = list(material.candidates)
        while True:
            try:
                async with aclosing(self._stream(run, planned.query, candidates, material)) as events:
                    async for event in events:
                        yield event
            except PromptTooLong:
                if len(candidates) == 1:
                    run.trouble.append("engine_unavailable")
                    return
                candidates.remove(min(candidates, key=lambda one: one.score))
            except (EngineUnavailable, Overloaded) as error:
                run.trace.stages["engine_error"] = error.detail
                run.trouble.append("engine_unavailable")
                return
            else:
                return

    async def _stream(
        self, run: _Run, query: str, candidates: Sequence[Candidate], material: _Material
    ) -> AsyncGenerator[AnswerEvent]:
        turns = render_answer_prompt(query, [Passage(one.chunk.context, one.chunk.text) for one in candidates])
        messages = [Message(turn.role, turn.content) for turn in turns]
        run.trace.stages["prompt"] = {"version": PROMPT_VERSION, "messages": [[m.role, m.content] for m in messages]}
        settings = run.bundle.settings
        stream = run.bundle.chat.stream(messages, temperature=settings.temperature, max_tokens=settings.max_tokens)
        segmenter = Segmenter()
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                if delta.text and not run.timings.first_token:
                    run.timings.first_token = run.elapsed()
                run.usage.prompt_tokens += delta.prompt_tokens
                run.usage.completion_tokens += delta.completion_tokens
                run.raw.append(delta.text)
                for segment in segmenter.feed(delta.text):
                    for event in await self._show(run, segment, material):
                        yield event
                if self._hopeless(run):
                    return
        for segment in segmenter.finish():
            for event in await self._show(run, segment, material):
                yield event

    @staticmethod
    def _hopeless(run: _Run) -> bool:
        drops = _DROPS_IN_A_ROW if run.composition.text else _DROPS_AT_FIRST
        silent = not run.composition.text and len(run.raw) >= _SILENT_PIECES
        return run.refused or run.drops >= drops or run.repeats >= _REPEATS or silent

    async def _show(self, run: _Run, segment: Segment, material: _Material) -> list[AnswerDelta | AnswerCitation]:
        """The events of showing `segment`, none when it does not stand."""
        if NOT_IN_DOCS in segment.text:
            run.refused = True
            return []
        said = frozenset({segment.text}) if segment.kind == "code" else frozenset(terms(unnumbered(segment.text)))
        if any(_alike(said, earlier) for earlier in run.said):
            run.repeats += 1
            return self._drop(run, segment, Support(None, 0.0, "it was said before"))
        run.said.append(said)
        support = await asyncio.to_thread(self._supported, run, segment, material)
        if support.problem or support.quote is None:
            return self._drop(run, segment, support)
        run.drops = 0
        if segment.kind in {"sentence", "item"} and segment.text.rstrip("*_ ").endswith(":"):
            run.lead_in = (segment, support)
            return []
        return [*self._led_in(run), *self._accept(run, segment, support.quote, support.score)]

    def _led_in(self, run: _Run) -> list[AnswerDelta | AnswerCitation]:
        """A sentence that announces what follows is shown with it, and never alone."""
        held, run.lead_in = run.lead_in, None
        if held is None or held[1].quote is None:
            return []
        return self._accept(run, held[0], held[1].quote, held[1].score)

    def _supported(self, run: _Run, segment: Segment, material: _Material) -> Support:
        """The grounding check, and whether what is said has to do with the question."""
        support = material.check.support(segment)
        if support.problem or support.quote is None:
            return support
        if segment.kind != "code" and material.extractor.restates(segment.text):
            return replace(support, problem="it only repeats the question")
        continues = run.composition.citations and run.composition.citations[-1].chunk_id == support.quote.chunk.id
        if not (continues and segment.kind == "item") and not material.extractor.is_relevant(support.quote):
            return replace(support, problem="its quote has little to do with the question")
        return support

    @staticmethod
    def _drop(run: _Run, segment: Segment, support: Support) -> list[AnswerDelta | AnswerCitation]:
        run.drops += 1
        run.composition.skip(segment)
        quote = support.quote.text if support.quote else ""
        run.trace.segment(segment, False, support.score, support.problem, quote)
        return []

    @staticmethod
    def _accept(run: _Run, segment: Segment, quote: Quote, score: float) -> list[AnswerDelta | AnswerCitation]:
        if not run.timings.first_sentence:
            run.timings.first_sentence = run.elapsed()
        run.trace.segment(segment, True, score, "", quote.text)
        return run.composition.add(segment, quote, score)

    async def _conclude(self, run: _Run, material: _Material, evidence: float) -> AsyncGenerator[AnswerEvent]:
        kind: Kind = "generated" if run.composition.text else "extractive"
        if not run.refused and await asyncio.to_thread(material.is_thin, run.composition):
            for added in await asyncio.to_thread(self._quote, run, material):
                yield added
        if not run.composition.text:
            reason: Reason = "no_relevant_docs" if run.refused else "not_grounded"
            async for event in self._refuse(run, material.result, reason, evidence):
                yield event
            return
        support = mean(run.composition.supports)
        if wants_number(run.question) and not re.search(r"\d", run.composition.text_without_markers):
            support *= _WITHOUT_THE_NUMBER
        verdict = judge(kind, evidence, support, run.trouble, run.bundle.settings)
        yield self._completed(run, kind, verdict, material.result)

    def _quote(self, run: _Run, material: _Material) -> list[AnswerDelta | AnswerCitation]:
        """Show the quotes that fit the question best, those that the answer stands on already left out."""
        return [
            event
            for extract in material.extractor.best()
            if not run.composition.cites(extract.quote)
            for event in self._accept(run, shown(extract.quote), extract.quote, extract.relevance)
        ]

    async def _refuse(
        self, run: _Run, result: SearchResult, reason: Reason, evidence: float
    ) -> AsyncGenerator[AnswerEvent]:
        text = ABSTENTION_TEXTS[reason]
        run.composition.text = text
        run.timings.first_sentence = run.elapsed()
        yield AnswerDelta(text=text)
        # Never the confidence of an answer: what is refused is refused.
        confidence = (
            0.0 if reason == "human_requested" else round(min(evidence, run.bundle.settings.answerable_threshold), 4)
        )
        yield self._completed(run, "none", Verdict("escalate", confidence, [*run.trouble, reason]), result)

    def _completed(self, run: _Run, kind: Kind, verdict: Verdict, result: SearchResult) -> AnswerCompleted:
        run.timings.total = run.elapsed()
        run.trace.stages["raw_output"] = "".join(run.raw)
        if not run.usage.completion_tokens:  # cut short: the pieces that came are a lower bound
            run.usage.completion_tokens = sum(bool(piece) for piece in run.raw)
        answer = Answer(
            id=run.id,
            conversation_id=run.conversation_id,
            question=run.question,
            decision=verdict.decision,
            confidence=verdict.confidence,
            reasons=verdict.reasons,
            kind=kind,
            text=run.composition.text,
            citations=run.composition.citations,
            model=run.bundle.chat.model,
            index_revision=result.revision.id,
            release=run.bundle.release_id,
            usage=run.usage,
            timings_ms=run.timings,
        )
        run.trace.stages["timings_ms"] = run.timings.model_dump()
        return AnswerCompleted(answer=answer)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two segments say the same in the same words."""
    return len(one & other) >= _ALIKE * len(one | other)
