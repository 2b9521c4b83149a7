"""The sentences of a ticket grouped by what each of its questions needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.tickets.text.intent import Intent, intent, without_greeting
from app.tickets.text.phrases import EXPLAINS, OPENER
from app.tickets.text.sentences import Sentence

Said = tuple[Sentence, Intent]


@dataclass(slots=True)
class Segment:
    """before: what leads to the question. asks: the sentences that ask. after: what explains it further."""

    before: list[Said] = field(default_factory=list)
    asks: list[Said] = field(default_factory=list)
    after: list[Said] = field(default_factory=list)

    def everything(self) -> list[Said]:
        return [*self.before, *self.asks, *self.after]

    def tells_problem(self) -> bool:
        return any(kind == "problem" for _, kind in self.everything())


def with_intents(sentences: Iterable[Sentence]) -> list[Said]:
    """Each sentence with what it does; placeholders and code are context."""
    return [
        (sentence, "context" if sentence.block or sentence.code else intent(sentence.text)) for sentence in sentences
    ]


def segments(said: Sequence[Said]) -> list[Segment]:
    """Group what was said, courtesy left out. A segment asks at most once, apart from pleas that follow."""
    grouping = _Grouping(_lists_of_questions(said))
    for one in said:
        if one[1] not in {"courtesy", "solved"}:
            grouping.add(one)
    return grouping.finish()


def _lists_of_questions(said: Sequence[Said]) -> frozenset[int]:
    """The lists whose every item is asked for: half of them ask or tell of a problem; few steps to reproduce do."""
    counts: dict[int, list[int]] = {}
    for sentence, kind in said:
        if sentence.item and sentence.opens:
            counted = counts.setdefault(sentence.item, [0, 0])
            counted[0] += 1
            counted[1] += kind in {"question", "problem"}
    return frozenset(number for number, (total, asking) in counts.items() if total > 1 and asking * 2 >= total)


class _Grouping:
    def __init__(self, question_lists: frozenset[int]) -> None:
        self._question_lists = question_lists
        self._done: list[Segment] = []
        self._current = Segment()
        self._paragraph = 0

    def add(self, one: Said) -> None:
        sentence, kind = one
        current = self._current
        in_list = sentence.item in self._question_lists
        if kind == "question" or (in_list and (kind == "problem" or sentence.opens)):
            if current.asks or (OPENER.match(sentence.text) and current.tells_problem()) or self._item_begins(one):
                self._begin(keep_trailing=not OPENER.match(sentence.text))
            self._current.asks.append(one)
        elif kind == "plea" and (current.asks or current.before):
            self._plead(one)
        elif self._begins_new(one):
            self._begin(keep_trailing=False)
            self._current.before.append(one)
        elif current.asks:
            current.after.append(one)
        else:
            current.before.append(one)
        self._paragraph = sentence.paragraph

    def finish(self) -> list[Segment]:
        self._done.append(self._current)
        return [segment for segment in self._done if segment.everything()]

    def _item_begins(self, one: Said) -> bool:
        """Whether the first item of a list follows a problem that was told before the list."""
        first_item = one[0].item in self._question_lists and not any(
            said[0].item for said in self._current.everything()
        )
        return first_item and self._current.tells_problem() and one[0].paragraph != self._paragraph

    def _plead(self, one: Said) -> None:
        (self._current.after if self._current.asks else self._current.before).append(one)

    def _begins_new(self, one: Said) -> bool:
        """Whether a sentence that does not ask itself begins something else."""
        sentence, kind = one
        told = bool(self._current.asks) or self._current.tells_problem()
        if not told or sentence.block or sentence.code:
            return False
        if OPENER.match(sentence.text):
            return kind == "problem" or bool(self._current.asks)
        new_paragraph = sentence.paragraph != self._paragraph
        explains = EXPLAINS.match(sentence.text)
        return new_paragraph and kind == "problem" and bool(self._current.asks) and not explains

    def _begin(self, *, keep_trailing: bool) -> None:
        """Close the current segment; prose that trails its question leads to the next one instead, if it is wanted."""
        trailing: list[Said] = []
        if keep_trailing and self._current.asks:
            while self._current.after and self._leads_on(self._current.after[-1]):
                trailing.insert(0, self._current.after.pop())
        if self._current.everything():
            self._done.append(self._current)
        self._current = Segment(before=trailing)

    @staticmethod
    def _leads_on(one: Said) -> bool:
        sentence, kind = one
        return kind in {"context", "problem"} and not sentence.block and not sentence.code


def problem_sentences(segment: Segment) -> list[Said]:
    """What a segment without a question asks to be solved: its first problem and those right after it."""
    told = segment.before
    start = next((at for at, (_, kind) in enumerate(told) if kind == "problem"), None)
    if start is None:
        return []
    end = start + 1
    while end < len(told) and told[end][1] == "problem" and told[end][0].paragraph == told[start][0].paragraph:
        end += 1
    return told[start : min(end, start + 2)]


def plain(sentence: Sentence) -> str:
    return without_greeting(sentence.text).strip() or sentence.text
