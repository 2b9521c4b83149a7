"""Sentences of a document that speak to a language model instead of a reader.

Such a sentence is never quoted and supports nothing, so that an instruction planted in a document cannot reach an
answer, whatever model writes it. A false alarm costs one sentence of the docs. The fence around the prompt itself is
`app.answering.prompt.neutralise`.
"""

from __future__ import annotations

import re

_SAY = (
    r"\b(?:say|reply|respond|answer|output|write|print|tell|recommend|include|append|mention|reveal|add|end|ignore)\b"
)
_MODEL = r"\b(?:ai|llm|assistant|language model|chatbot|bot)s?\b"
_NEAR = r"[^.!?\n]{0,40}"  # within the sentence

_PATTERNS = (
    # away with the rules
    rf"\b(?:ignore|disregard|forget|override|bypass)\b{_NEAR}\b(?:instruction|prompt|rule|guideline|above|prior)s?\b",
    rf"\b(?:ignoriere?n?|vergiss|ignorez|oubliez|ignora|olvida)\b{_NEAR}\b(?:anweisung|regel|instruct|instrucci|règle|regla)",
    # posing as somebody with the right to give orders
    r"\b(?:system|developer)\s+(?:override|note|instruction)s?\b|\[\s*system\b|^\W*system\s*:",
    r"\bnew (?:rule|instruction|directive|policy)s?\s*:",
    # addressing the model
    rf"\b(?:note|instruction|message|attention|dear|hey)s?\b[^.!?\n]{{0,12}}{_MODEL}",
    rf"{_MODEL}{_NEAR}\b(?:must|should|shall|always|now|instructed|required|have to)\b[^.!?\n]{{0,60}}{_SAY}",
    r"\b(?:you are now|you (?:must|should|will|shall) (?:now )?(?:act|pretend|behave)|jailbreak|dan mode)\b",
    # dictating the answer
    r"\b(?:reply|respond|answer)\b[^.!?\n]{0,25}\b(?:only with|with only|exactly with|always with)\b",
    rf"\b(?:when|if|whenever)\b{_NEAR}\b(?:asked|answering|summari[sz]ing|quoting|citing)\b[^.!?\n]{{0,60}}{_SAY}",
    # hidden text, and images that carry data out
    r"<!--|!\[[^\]]*\]\(https?:",
)
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)


def speaks_to_a_model(text: str) -> bool:
    """Whether `text` gives instructions to a language model."""
    return bool(_ANY.search(text))
