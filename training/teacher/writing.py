"""The pairs of one chunk: written and evolved, joined with another section's, and what the docs leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.decision import ABSTENTION_TEXTS
from app.index.section import Chunk
from training.corpus import Corpus, section_of
from training.pair import Kind, Pair
from training.rows import normalised
from training.schema.generate import GenerateRecipe
from training.teacher import prompts
from training.teacher.asking import Asking, Subject
from training.teacher.plan import Plan
from training.teacher.replies import Pairs, Questions, Unusable, Verdict, check_pair, is_verbatim

ABSTENTION = ABSTENTION_TEXTS["no_relevant_docs"]  # what the service says
_LOOKED_AT = 20  # search results among which there is one of another section and the same side


@dataclass(frozen=True, slots=True)
class Writing:
    """Pairs come without their row numbers: those are given when all are there."""

    corpus: Corpus
    plan: Plan
    recipe: GenerateRecipe
    asking: Asking

    async def evolved(self, chunk: Chunk, place: int) -> list[Pair]:
        """The pairs of every pass. place: of the chunk, by which the operations take turns.

        Only pairs whose quotes stand in the chunk are evolved: what is made of an invention is one.
        """
        prompt = prompts.write([chunk], self.recipe.pairs_per_request)
        latest = await self._pairs(prompt, "answerable", 0, [chunk])
        found = latest
        for depth in range(1, self.recipe.passes):
            sound = [pair for pair in latest if all(is_verbatim(quote, [chunk.text]) for quote in pair.quotes)]
            if not sound:
                break
            operation = self.recipe.operations[(place + depth - 1) % len(self.recipe.operations)]
            prompt = prompts.evolve([chunk], sound, operation)
            latest = await self._pairs(prompt, "answerable", depth, [chunk], sound)
            found = [*found, *latest]
        return found

    async def joined(self, chunk: Chunk) -> list[Pair]:
        """Pairs of the chunk and the first of another section, on the same side, that the search brings for it."""
        other = next((one for one in await self._near(chunk) if section_of(one) != section_of(chunk)), None)
        if other is None:
            fault = Unusable("no_partner", "the search brings no chunk of another section on the same side")
            self.asking.refuse(Subject("multi_section", 0, (chunk.id,)), fault, "")
            return []
        chunks = [chunk, other]
        return await self._pairs(prompts.join(chunks, self.recipe.pairs_per_request), "multi_section", 0, chunks)

    async def left_out(self, chunk: Chunk) -> list[Pair]:
        """Questions that neither the chunk and its neighbours nor what is retrieved for them answers.

        The second look is at both sides of the split: it takes nothing from them but a yes or no.
        """
        near = [chunk, *(await self._near(chunk))[: self.recipe.neighbours - 1]]
        subject = Subject("unanswerable", 0, tuple(one.id for one in near))
        prompt = prompts.leave_out(near, self.recipe.pairs_per_request)
        answer = await self.asking.ask(prompt, subject, Questions)
        found: list[Pair] = []
        for question in dict.fromkeys(answer[0].questions if answer else ()):
            if not normalised(question):
                self.asking.refuse(subject, Unusable("empty", "no word in the question"), answer[1] if answer else "")
            elif await self._is_left_out(question, subject):
                found.append(self._pair("unanswerable", question, ABSTENTION, [chunk], (), 0))
        return found

    async def _is_left_out(self, question: str, subject: Subject) -> bool:
        retrieved = [one.chunk for one in await self.corpus.search(question, self.recipe.neighbours)]
        checked = Subject("check", 0, subject.chunks[:1])
        verdict = await self.asking.ask(prompts.check(retrieved, question), checked, Verdict)
        if verdict is not None and verdict[0].answered:
            named = ", ".join(one.id for one in retrieved)
            self.asking.refuse(subject, Unusable("answered", f"the docs answer it, in one of {named}"), question)
        return verdict is not None and not verdict[0].answered

    async def _near(self, chunk: Chunk) -> list[Chunk]:
        """Other chunks of the same side, the nearest first."""
        found = await self.corpus.search(f"{chunk.context}\n{chunk.text}", _LOOKED_AT)
        side = self.plan.side(chunk)
        return [one.chunk for one in found if one.chunk.id != chunk.id and self.plan.side(one.chunk) == side]

    async def _pairs(
        self, prompt: prompts.Prompt, kind: Kind, depth: int, chunks: Sequence[Chunk], made_of: Sequence[Pair] = ()
    ) -> list[Pair]:
        subject = Subject(kind, depth, tuple(chunk.id for chunk in chunks))
        answer = await self.asking.ask(prompt, subject, Pairs)
        if answer is None:
            return []
        found: list[Pair] = []
        for written in answer[0].pairs:
            try:
                check_pair(written, [pair.question for pair in made_of], quotes=len(chunks))
            except Unusable as fault:
                self.asking.refuse(subject, fault, written.model_dump_json())
                continue
            quotes = tuple(dict.fromkeys(filter(normalised, written.quotes)))
            found.append(self._pair(kind, written.question, written.answer, chunks, quotes, depth))
        return found

    def _pair(
        self, kind: Kind, question: str, answer: str, chunks: Sequence[Chunk], quotes: tuple[str, ...], depth: int
    ) -> Pair:
        return Pair(
            row=0,
            question=question.strip(),
            answer=answer.strip(),
            kind=kind,
            chunks=tuple(chunk.id for chunk in chunks),
            quotes=quotes,
            depth=depth,
            split=self.plan.side(chunks[0]),
        )
