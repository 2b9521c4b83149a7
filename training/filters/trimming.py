"""Cuts from an answer what its passages do not say: a true core with padding becomes a true answer.

A teacher that has told what the docs hold likes to add a benefit, a step or a definition of its own. Of 25 kept pairs
that were judged 'partly true' as they were published, 10 are true once trimmed.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from training.filters.passages import content, segments
from training.filters.wording import hedges

# Where a clause begins that tells what follows from the rest: ', allowing …', ', which makes …', ', both of which …'.
_CLAUSE = re.compile(
    r"(?:,| -| –)\s+(?:(?:and|thus|thereby|hence)\s+)?(?:making|allowing|ensuring|enabling|enhancing|improving|leading|"
    r"providing|reducing|giving|freeing|increasing|resulting|preventing|offering|helping|saving|simplifying|tailoring|"
    r"maintaining|meaning|which|where|both of which|so that|so|thus|thereby|as (?:it|this|they))\b",
    re.IGNORECASE,
)
_STOP = re.compile(r"[.!?]+[\"')\]*_`]*$")
# What only announces what was cut says nothing: 'there are several ways', 'plays a crucial role', 'three types: 1.'
_SEVERAL = (
    r"several|various|numerous|a (?:wide )?range of|a number of|a variety of|first(?:ly|,| of all)|"
    r"(?:two|three|four|five|some|many) (?:\w+ )?(?:types|kinds|ways|steps|things|reasons|options|benefits|methods)"
)
_ANNOUNCES = re.compile(rf"\b(?:{_SEVERAL})", re.IGNORECASE)
_VAGUE = re.compile(
    r"\b(?:can vary|significant(?:ly)?|(?:crucial|important|key|vital|major) (?:role|part)|impact on|such as)\b|"
    r"(?::|\b\d+\.)$",
    re.IGNORECASE,
)
# 'Once it is set up, …': what stands before the clause is no sentence of its own.
_SUBORDINATE = re.compile(
    r"(?:once|when|if|after|before|by|to|while|because|as|in order|with|since|for)\b", re.IGNORECASE
)
# A sentence that begins so speaks of the one before it.
_LEANS = re.compile(r"(?:this|these|those|that|such|it|they|here|in this|by doing)\b", re.IGNORECASE)


def trimmed(answer: str, known: AbstractSet[str]) -> str:
    """`answer` without the sentences and last clauses that have a word of their own; at least its first sentence stays.

    known: terms of the passages that support it, and of the question. Code, tables and lists stay as they are: what is
    left of steps with a gap would be wrong in another way.
    """
    kept, cut_before = answer, False
    for place, segment in enumerate(segments(answer)):
        if segment.kind != "sentence" or segment.text not in kept:
            cut_before = False
            continue
        told = _core(segment.text, known)
        leans = cut_before and _LEANS.match(segment.text)
        if place and (leans or _adds(told, known)):
            kept = _without(kept, segment.text)
            cut_before = True
            continue
        cut_before = False
        kept = kept.replace(segment.text, told, 1)
    kept = kept.strip()
    return answer if kept != answer and _only_announces(kept) else kept


def _only_announces(text: str) -> bool:
    left = [one.text for one in segments(text)]
    return any(map(_ANNOUNCES.search, left[:2])) or (len(left) == 1 and bool(_VAGUE.search(left[0])))


def _adds(text: str, known: AbstractSet[str]) -> bool:
    return bool(content(text) - known) or bool(hedges(text))


def _core(sentence: str, known: AbstractSet[str]) -> str:
    """The sentence up to the first clause that draws a consequence in words of its own."""
    for found in _CLAUSE.finditer(sentence):
        if _SUBORDINATE.match(sentence) and "," not in sentence[: found.start()]:
            continue
        if content(sentence[found.start() :]) - known and content(sentence[: found.start()]):
            stop = _STOP.search(sentence)
            return sentence[: found.start()].rstrip() + (stop[0] if stop else "")
    return sentence


def _without(text: str, piece: str) -> str:
    before, _, after = text.partition(piece)
    gap = " " if before.strip() and not before.endswith("\n") else ""
    return before.rstrip(" ") + gap + after.lstrip(" " if gap else None)
