"""Pairs through all filters in turn: what is kept, and what each filter dropped and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.index.section import Chunk
from training.corpus import Corpus
from training.filters.commands import DocumentedCode
from training.filters.duplicates import NearQuestions
from training.filters.grounding import judge, known_terms, repeats_question
from training.filters.parsing import Language, misfit_length, unparsable
from training.filters.passages import Found, Shelf, Support
from training.filters.self_standing import bound_by
from training.filters.trimming import trimmed
from training.filters.wording import denial, told_early
from training.pair import Pair
from training.schema.filters import FilterSettings, Judge

Reason = Callable[[Pair], str]
Judging = Callable[[Mapping[Pair, Sequence[Chunk]], Judge], Awaitable[Mapping[Pair, str]]]
NEAR_DUPLICATE = "near-duplicate"
JUDGED = "judged"


@dataclass(frozen=True, slots=True)
class Dropped:
    pair: Pair
    reason: str


@dataclass(slots=True)
class FunnelStep:
    """before: pairs that came to this filter; `before - len(dropped)` went on."""

    name: str
    before: int
    dropped: list[Dropped] = field(default_factory=list)

    @property
    def kept(self) -> int:
        return self.before - len(self.dropped)


@dataclass(slots=True)
class Funnel:
    """kept: in the given order, with the chunks and quotes that support them. steps: in the order of the filters.

    trimmed: rows of the pairs, kept or dropped later, whose answers were cut to what their passages say.
    """

    kept: list[Pair]
    steps: list[FunnelStep]
    trimmed: list[int] = field(default_factory=list)


async def apply_filters(
    pairs: Sequence[Pair],
    corpus: Corpus,
    settings: FilterSettings,
    evaluation_questions: Sequence[str],
    judging: Judging | None = None,
) -> Funnel:
    """Every filter on what the ones before it kept. evaluation_questions: those that no kept question may be near.

    judging: asks `settings.judge` about the pairs that are left; required where there is one. Pairs that abstain are
    not asked for support, nor judged, and keep no chunks but their own.
    """
    funnel = Funnel(list(pairs), [])
    chunks = corpus.by_id
    language = Language(f"{chunk.context} {chunk.text}" for chunk in corpus.chunks)
    _step(funnel, "parse", unparsable)
    _step(funnel, "length", lambda pair: misfit_length(pair, settings, corpus.count_tokens))
    _step(funnel, "language", lambda pair: language.foreign(pair, settings.min_language))
    _step(funnel, "verbatim quote", lambda pair: misquoted(pair, chunks))
    grounds = await _grounds(funnel.kept, corpus, settings.depth)
    _step(funnel, "forthright", grounds.evasive)
    if settings.trim:
        before = funnel.kept
        grounds, funnel.kept = grounds.trimming(funnel.kept)
        funnel.trimmed = [new.row for old, new in zip(before, funnel.kept, strict=True) if old != new]
    _step(funnel, "informative", grounds.repeating)
    _step(funnel, "grounded", lambda pair: grounds.ungrounded(pair, settings.grounding))
    _step(funnel, "round trip", lambda pair: grounds.unreached(pair, settings.round_trip))
    if settings.self_standing:
        _step(funnel, "self-standing", lambda pair: bound_by(pair.question, pair.answer))
    if settings.commands:
        code = DocumentedCode(corpus.chunks)
        _step(funnel, "commands", lambda pair: "" if pair.kind == "unanswerable" else code.damage(pair))
    _step(funnel, "near an evaluation question", _near(evaluation_questions, settings.near_evaluation))
    _step(funnel, NEAR_DUPLICATE, _repeated(settings.near_duplicate))
    if settings.judge is not None:
        assert judging is not None  # noqa: S101
        shown = {pair: grounds.shown(pair, settings.judge.passages) for pair in funnel.kept if pair in grounds.held}
        verdicts = await judging(shown, settings.judge)
        _step(funnel, JUDGED, lambda pair: verdicts.get(pair, ""))
    funnel.kept = [grounds.filled(pair) for pair in funnel.kept]
    return funnel


async def keep_all(pairs: Sequence[Pair], corpus: Corpus) -> Funnel:
    """No filter: each pair with the chunks and quotes that `apply_filters` gives it where it keeps it.

    So a pair stands in the same section, and on the same side of the split, whether it is filtered or not. Holds for
    the default `depth`, which is what is retrieved here.
    """
    grounds = await _grounds(pairs, corpus, FilterSettings().depth)
    return Funnel([grounds.filled(pair) for pair in pairs], [])


def _step(funnel: Funnel, name: str, reason: Reason) -> None:
    step = FunnelStep(name, len(funnel.kept))
    kept = []
    for pair in funnel.kept:
        if why := reason(pair):
            step.dropped.append(Dropped(pair, why))
        else:
            kept.append(pair)
    funnel.kept = kept
    funnel.steps.append(step)


def misquoted(pair: Pair, chunks: Mapping[str, Chunk]) -> str:
    """Why a quote of the pair is no verbatim piece of its chunks, '' if all are, or none is given."""
    texts = [chunks[one].text for one in pair.chunks if one in chunks]
    if pair.chunks and not texts:
        return "its chunks are not in the docs"
    missing = next((quote for quote in pair.quotes if not any(quote in text for text in texts)), None)
    return "" if missing is None else f"not in its chunks: {' '.join(missing.split())[:60]}"


@dataclass(frozen=True, slots=True)
class _Grounds:
    """What the docs hold for each pair that claims something."""

    shelf: Shelf
    held: Mapping[Pair, tuple[Found, Support | None]]

    def evasive(self, pair: Pair) -> str:
        """Why the answer does not tell what the docs tell: it says that nobody does, or takes a plan for a fact."""
        if pair not in self.held:
            return ""
        if words := denial(pair.answer):
            return f"it says that something is not told: '{words}'"
        _, support = self.held[pair]
        if support and told_early(pair.answer, [quote.text for quote in self.shelf.quotes(pair, support)]):
            return "it tells as a fact what the docs announce"
        return ""

    def trimming(self, pairs: Sequence[Pair]) -> tuple[_Grounds, list[Pair]]:
        """The pairs with their answers cut to what supports them, and the same grounds for those."""
        held = dict(self.held)
        shorter = []
        for pair in pairs:
            _, support = self.held.get(pair, (None, None))
            if support is not None:
                cut = dataclasses.replace(pair, answer=trimmed(pair.answer, known_terms(pair, support)))
                held[cut] = self.held[pair]
                shorter.append(cut)
            else:
                shorter.append(pair)
        return _Grounds(self.shelf, held), shorter

    def repeating(self, pair: Pair) -> str:
        return "it says no more than its question" if pair in self.held and repeats_question(pair) else ""

    def ungrounded(self, pair: Pair, least: float) -> str:
        if pair not in self.held or not least:
            return ""
        found, support = self.held[pair]
        if support is None:
            return "no passage is near"
        judgement = judge(pair, found, support, self.shelf.vocabulary)
        return judgement.reason if judgement.probability < least else ""

    def unreached(self, pair: Pair, first: int) -> str:
        """Why the question does not lead back to what supports its answer, '' if it does."""
        if pair not in self.held or not first:
            return ""
        _, support = self.held[pair]
        if support is None or support.rank is None:
            return "its question does not find the passage"
        return "" if support.rank <= first else f"its question finds the passage at rank {support.rank}"

    def shown(self, pair: Pair, most: int) -> list[Chunk]:
        """What supports the pair, and then what else was found for it."""
        found, support = self.held[pair]
        passages = [*(support.passages if support else ()), *found.passages]
        return list({one.chunk.id: one.chunk for one in passages}.values())[:most]

    def filled(self, pair: Pair) -> Pair:
        """The pair with the chunks and quotes it stands on, where it came without."""
        _, support = self.held.get(pair, (None, None))
        if support is None:
            return pair
        quotes = pair.quotes or tuple(quote.text for quote in self.shelf.quotes(pair, support))
        return dataclasses.replace(pair, chunks=pair.chunks or support.chunk_ids, quotes=quotes)


async def _grounds(pairs: Sequence[Pair], corpus: Corpus, depth: int) -> _Grounds:
    shelf = Shelf(corpus, (await corpus.library.current()).vocabulary, depth)
    held = {}
    for pair in _shown([pair for pair in pairs if pair.kind != "unanswerable"]):
        found = await shelf.find(pair)
        held[pair] = (found, shelf.support(pair, found))
    return _Grounds(shelf, held)


def _near(questions: Sequence[str], threshold: float) -> Reason:
    measured = NearQuestions(threshold)
    for question in questions:
        measured.add(question)

    def reason(pair: Pair) -> str:
        near = measured.near(pair.question)
        return f"near: {near}" if near else ""

    return reason


def _repeated(threshold: float) -> Reason:
    asked = NearQuestions(threshold)

    def reason(pair: Pair) -> str:
        if near := asked.near(pair.question):
            return f"asked before: {near}"
        asked.add(pair.question)
        return ""

    return reason


def _shown(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """The pairs, with a bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield from bar.track(pairs, description="support in the docs")
