"""What is really asked: follow-ups made self-standing, and the wish for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.prompt import Turn, render_condense_prompt
from app.errors import EngineUnavailable, Overloaded, PromptTooLong
from app.index.terms import terms
from app.llm.client import ChatClient, Message

_PERSON = re.compile(
    r"\b(?:talk|speak|chat|connect|transfer|escalate|hand)\b[^.?!\n]{0,25}\b(?:human|person|agent|someone|somebody|"
    r"representative|support team|staff|operator)\b"
    r"|\b(?:real|live|actual)\s+(?:human|person|agent)\b|\bhuman\s+(?:support|help|agent|being)\b"
    r"|\b(?:need|want|get|give)\b[^.?!\n]{0,12}\b(?:a|to a|me a)\s+(?:human|person|human being)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w)|‘[^’\n]*’(?!\w)")
_SMALL_TALK = re.compile(
    r"\W*(?:(?:ok(?:ay)?|thanks?(?: you)?(?: (?:so|very) much| a lot)?|thx|great|cool|nice|perfect|got it|hi|hello|hey"
    r"|good (?:morning|evening|day)|bye|goodbye|see you|you're welcome|how are you|yes|no)\W*)+",
    re.IGNORECASE,
)
_NUMBER_WANTED = re.compile(
    r"\bhow (?:many|much|large|big|long|old|often)\b|\b(?:which|what)(?:'s| is| are)? (?:the )?(?:default )?"
    r"(?:port|version|size|limit|number)\b",
    re.IGNORECASE,
)
# Words that point back into the conversation.
_POINTING = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|there|one|ones|same|above|previous|former|latter|else|instead)\b"
    r"|^\s*(?:and|but|or|so|then|also|what about|how about|why\??$|how\??$|really|ok)\b",
    re.IGNORECASE,
)
_STANDS_ALONE_TERMS = 3  # a question with fewer content words than this needs what was said before
_CONDENSED_CHARS = 300
# A rewrite may bring at most this share of words that nobody said, and has to keep this share of the question's.
_FOREIGN_SHARE, _KEPT_SHARE = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """query: self-standing, for retrieval and prompt.

    condensed_by: 'none', 'model', or 'joined' where the last question was put before this one.
    """

    question: str
    query: str
    condensed_by: str
    wants_person: bool
    small_talk: bool = False
    raw_rewrite: str = ""

    @property
    def asked(self) -> str:
        """What a quote should answer: not the earlier question that was joined to this one for the search."""
        return self.question if self.condensed_by == "joined" and terms(self.question) else self.query


def wants_person(question: str) -> bool:
    """Whether the visitor asks for a person; a button or a message that is quoted asks for none."""
    return bool(_PERSON.search(_QUOTED.sub("", question)))


def is_small_talk(question: str) -> bool:
    """Whether `question` is a greeting, thanks or the like, and nothing else."""
    return bool(_SMALL_TALK.fullmatch(question))


def wants_number(question: str) -> bool:
    """Whether an answer to `question` that holds no number is none."""
    return bool(_NUMBER_WANTED.search(question))


def needs_context(question: str) -> bool:
    """Whether `question` can hardly be understood without what was said before it."""
    return bool(_POINTING.search(question)) or len(set(terms(question))) < _STANDS_ALONE_TERMS


async def plan(question: str, history: Sequence[Turn], chat: ChatClient) -> Plan:
    """Make `question` self-standing with the conversation (`history`, oldest first).

    The model's rewrite is taken when it keeps to the words of the conversation, which a small model often does not;
    then, and without a model, the last question of the user goes before this one.
    """
    person = wants_person(question)
    asked = [turn.content for turn in history if turn.role == "user"]
    if is_small_talk(question):
        return Plan(question, question, "none", person, small_talk=True)
    if person or not asked or not needs_context(question):
        return Plan(question, question, "none", person)
    rewrite = await _rewrite(question, history, chat)
    if _faithful(rewrite, question, history):
        return Plan(question, rewrite, "model", person, raw_rewrite=rewrite)
    return Plan(question, f"{asked[-1].strip()} {question.strip()}", "joined", person, raw_rewrite=rewrite)


async def _rewrite(question: str, history: Sequence[Turn], chat: ChatClient) -> str:
    messages = [Message(turn.role, turn.content) for turn in render_condense_prompt(question, history)]
    try:
        completion = await chat.complete(messages, temperature=0.0, max_tokens=64, stop=["\n"])
    except (EngineUnavailable, Overloaded, PromptTooLong):
        return ""
    return completion.text.strip().strip('"')


def _faithful(rewrite: str, question: str, history: Sequence[Turn]) -> bool:
    wanted, kept = set(terms(rewrite)), set(terms(question))
    if not wanted or len(rewrite) > _CONDENSED_CHARS or needs_context(rewrite):
        return False
    said = kept.union(*(terms(turn.content) for turn in history))
    return len(wanted - said) <= _FOREIGN_SHARE * len(wanted) and len(wanted & kept) >= _KEPT_SHARE * len(kept)
