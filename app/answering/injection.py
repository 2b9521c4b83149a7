"""Sentences of a document that speak to a language model instead of a reader.

Such a sentence is never quoted and supports nothing, so that an instruction planted in a document cannot reach an
answer, whatever model writes it. A false alarm costs one sentence of the docs. The fence around the prompt itself is
`app.answering.prompt.neutralise`.
"""

from __future__ import annotations

import re
import unicodedata

_MODEL = r"\b(?:ai|llm|assistant|language model|chatbot|bot)s?\b"
_NEAR = r"[^.!?\n]{0,40}"  # within the sentence
_FAR = r"[^.!?\n]{0,80}"
_SAY = r"\b(?:say|reply|respond|answer|output|tell|recommend|append|mention|reveal|ignore)\b"
_RULES = r"\b(?:instruction|prompt|rule|guideline|directive)s?\b"
_AWAY = r"\b(?:ignore|disregard|forget|override|bypass)\b"

_ORDERS = (
    # away with the rules
    rf"{_AWAY}{_NEAR}\b(?:previous|prior|earlier|preceding|above|your|system)\b{_NEAR}{_RULES}",
    rf"{_AWAY}{_NEAR}{_RULES}\s+(?:above|before|so far)\b",
    rf"{_AWAY}\s+(?:all|any)\s+(?:the\s+)?(?:instruction|prompt)s?\b",
    rf"{_AWAY}\s+(?:everything|anything|all)\s+(?:above|before|prior|previous)\b",
    (
        rf"\b(?:ignoriere?n?|vergiss|ignorez|oubliez?|ignora|olvida)\b{_NEAR}"
        r"\b(?:anweisung|regel|instruct|instrucci|consigne|règle|regla)"
    ),
    # posing as somebody with the right to give orders
    r"\b(?:system|developer)\s+(?:override|note|instruction)s?\s*:|\[\s*system\b|^\W*system\s*:",
    r"\bnew (?:rule|instruction|directive|policy)s?\b[^.!?\n:]{0,30}:",
    r"\b(?:end|beginning) of (?:the )?(?:passages|context|prompt)\b",
    # addressing the model
    (
        rf"\b(?:note|notice|instruction|message|reminder|warning)s?\b{_NEAR}\b(?:to|for|pour|an|für|para)\s+"
        rf"(?:(?:all|any|every|each|the|les|l'|die|alle)\s*){{0,2}}{_MODEL}{_FAR}:"
    ),
    rf"\b(?:attention|dear|hey)\b[^.!?\n]{{0,12}}{_MODEL}|{_MODEL}\s*:{_NEAR}{_SAY}|{_MODEL}\s*:\s*end\b",
    r"\bai\b[^.!?\n]{0,15}\bnotes?\s*:",
    (
        rf"{_MODEL}{_NEAR}\b(?:must|should|shall|always|now|instructed|required|have to)\b[^.!?\n]{{0,60}}{_SAY}"
        r"(?!\s+(?:within|in|from|to|when|after)\b)"
    ),
    r"\byou are (?:now|no longer) an?\b|\byou (?:must|should|will|shall) (?:now )?(?:act|pretend|behave)\b",
    r"\bjailbreak|\bdan mode\b|\bstay in character\b|\bnever admit\b",
    # asking for the rules
    rf"\b(?:repeat|reveal|print|show|output|list)\b{_NEAR}{_RULES}{_NEAR}\byou (?:were|are|have been) given\b",
    r"\bmy (?:hidden|secret|system) (?:instruction|prompt|rule)s?\b",
    # dictating the answer
    r"\b(?:reply|respond|answer)\b[^.!?\n]{0,25}\b(?:only with|with only|exactly with|always with)\b",
    r"\b(?:end|begin|start|close|sign|finish)\b[^.!?\n]{0,12}\b(?:your|each|every) (?:answer|reply|response)s?\b",
    r"\b(?:do not|don't|never|must not)\s+mention\s+(?:any|this|it|the)\b",
    r"\b(?:mark|rate|label)\s+(?:the|this|your)\s+(?:answer|passage|response)s?\s+as\b",
    (
        r"\b(?:when|if|whenever)\b[^.!?\n]{0,20}"
        r"\b(?:asked|answering|summari[sz]ing|quoting|citing|(?:someone|somebody|anyone|anybody|users?|people)\s+asks?)\b"
        r"[^.!?\n]{0,60}\b(?:say|reply|respond|tell|recommend|append|mention|reveal|embed)\b"
    ),
    r"\bdecod(?:e|ing)\b[^.!?\n]{0,20}\b(?:comply|obey|follow|execute)\b",
)
# What a reader does not see in prose: comments, hidden text, and images that carry data out.
_UNSEEN = (
    r"<!--",
    r"!\[[^\]]*\]\(https?:",
    r"<[^>]*\bstyle\s*=[^>]*(?:font-size\s*:\s*0|display\s*:\s*none|visibility\s*:\s*hidden)",
)


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_IN_PROSE, _IN_CODE = _any_of(*_ORDERS, *_UNSEEN), _any_of(*_ORDERS)
# Overrides of the reading direction, and tag characters, which no font shows.
_HIDING = re.compile("[\u202d\u202e\U000e0000-\U000e007f]")
# Base64: 40 letters and digits in a row, of both cases and with a digit (a hash in hex has one case).
_ENCODED = re.compile(r"\b(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[A-Za-z0-9+]{40,}")
_ENCODED_BLOCK = re.compile(r"\s*(?:[`~]{3,}.*\n)?\s*[A-Za-z0-9+/]{40,}={0,2}\s*(?:[`~]{3,}\s*)?")


def speaks_to_a_model(text: str) -> bool:
    """Whether `text` gives instructions to a language model, or hides something from its reader."""
    return bool(_HIDING.search(text) or _ENCODED.search(text) or _IN_PROSE.search(_folded(text)))


def code_speaks_to_a_model(block: str) -> bool:
    """The same of a code block, which may hold comments and keys, but not be one encoded text."""
    return bool(_HIDING.search(block) or _ENCODED_BLOCK.fullmatch(block) or _IN_CODE.search(_folded(block)))


def _folded(text: str) -> str:
    """`text` in plain letters and without invisible ones."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
