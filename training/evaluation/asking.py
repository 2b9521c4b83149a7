"""What a model is asked about an item."""

from __future__ import annotations

from collections.abc import Sequence

from app.answering.prompt import Passage, neutralise, render_answer_prompt
from app.index.section import Chunk
from app.llm.client import Message
from training.evaluation.items import LETTERS, Item

_LETTER_ONLY = "Answer with the letter of the right option alone: A, B, C or D."
# The study's own instruction asked for one letter, too; its wording is not needed to repeat its protocol.
_EMPTY = "(no answer)"


def cloze_prompt(item: Item, passages: Sequence[Chunk]) -> list[Message]:
    """The question as a user asks it: the service's prompt where there are passages, else nothing but the question."""
    return _prompt(item.question, passages)


def letter_prompt(item: Item, passages: Sequence[Chunk], order: Sequence[int]) -> list[Message]:
    """The question with its options. order: places of the options, as they are shown."""
    shown = [f"{letter}. {item.options[place] or _EMPTY}" for letter, place in zip(LETTERS, order, strict=True)]
    return _prompt("\n".join([item.question, "", *shown, "", _LETTER_ONLY]), passages)


def _prompt(question: str, passages: Sequence[Chunk]) -> list[Message]:
    if not passages:
        return [Message("user", neutralise(question))]
    turns = render_answer_prompt(question, [Passage(chunk.context, chunk.text) for chunk in passages])
    return [Message(turn.role, turn.content) for turn in turns]
