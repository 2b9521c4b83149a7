"""How a text speaks, whatever it speaks of: framing, hedged, denying, drawing consequences.

The lists are of general English; none has a word of a product. In another language they find nothing, and the
grounding filter goes by the words alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.index.terms import terms

_HEDGE = re.compile(
    r"\b(?:likely|unlikely|presumably|possibly|perhaps|probably|could be|might|may be|seems?|appears?|suggests?|"
    r"suggesting|impl(?:y|ies|ying)|typically|usually|generally|in general|often|commonly|can be inferred|"
    r"can vary|may vary|depends? on)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"(?:\b(?:not|no longer)|n't)(?: \w+){0,3} (?:specif\w*|mention\w*|provid\w*|stat\w*|clear(?:ly)?|detail\w*|"
    r"explicit\w*|defin\w*|describ\w*|given|possible to (?:say|tell|determine))\b|"
    r"\bno (?:\w+ )?(?:specific|explicit|further|additional|detailed|information|details?|mention)\b|"
    r"\bhard to (?:determine|define|say|tell)\b|\bnot sure\b|\bunclear\b|"
    r"\b(?:more|further) (?:information|details?|context) (?:is|are|would be) (?:needed|required)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|unless|where|without)\b[^,.;:]*", re.IGNORECASE)  # 'if no host is specified'
# What follows from a fact as its writer sees it: the part of an answer that docs hold least often.
_CONSEQUENCE = re.compile(
    r"\b(?:this (?:means|implies|suggests|indicates|makes|allows|ensures|enables|can|could|is (?:useful|important|"
    r"often|because|done|particularly|typically)|helps?|will|would|provides?|gives?|contributes?|eliminates?|leads?|includes)|"
    r"which (?:means|can|could|may|makes|allows|ensures|helps?|is (?:useful|important|often))|that way|thereby|"
    r"thus|hence|therefore|as a result|in turn|in other words|for (?:example|instance)|such as|so that|in order to|"
    r"used to|useful|overall|additionally|furthermore|moreover|specifically|essentially)\b|"
    r"(?:,|\band) (?:making|allowing|ensuring|enabling|enhancing|improving|leading|providing|reducing|giving|freeing|"
    r"increasing|resulting|preventing|offering|helping|saving|simplifying|tailoring|maintaining)\b",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(r"\b(?:soon|upcoming|planned|in the future|not yet|roadmap)\b", re.IGNORECASE)
_AHEAD = re.compile(r"\b(?:will|soon|upcoming|coming|plan\w*|future|yet|expected|announced|roadmap)\b", re.IGNORECASE)
_WHETHER = re.compile(r"(?:can|could|does|do|is|are|will|would|should|has|have)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[`'\"]([^`'\"\n]{1,60})[`'\"]")
_COMMAND_SIGN = re.compile(r"[\s&|\\./-]")

# Stems of words that explain and claim nothing: 'is used to specify', 'represents the actual', 'for instance'.
FRAMING = frozenset(
    terms(
        """provide specify allow actual actually sent send represent include contain context example instance help set
        mean refer indicate define definition purpose role value name case thereby thus describe call known way make
        given give mention result done enable used use need necessary require able particular specific specifically
        typical typically simply simple simplify present show state denote signify term word related relate regard
        involve essential essentially primary primarily main mainly serve act aim intend design designed consider
        determine certain different several one two first then also additionally addition respective respectively
        desired want like follow following step process action type kind form part thing time without within across
        per instead whenever place replace instruct tell let ensure become result therefore hence appropriate
        correspond corresponding associated order using via"""
    )
)


def hedges(text: str) -> int:
    """Words like 'likely' and 'typically': who has read it does not need them."""
    return len(_HEDGE.findall(text))


def denial(text: str) -> str:
    """The words by which the text says that something is not told, '' if none."""
    told = _CONDITION.sub(" ", text)
    found = _DENIAL.search(told)
    return found[0] if found else ""


def consequences(text: str) -> int:
    return len(_CONSEQUENCE.findall(text))


def told_early(answer: str, quotes: Iterable[str]) -> bool:
    """Whether the answer tells as a fact what its quotes only announce."""
    return not _AHEAD.search(answer) and any(_ANNOUNCED.search(quote) for quote in quotes)


def asks_whether(question: str) -> bool:
    """Whether yes or no answers it. Such a question puts a claim before the docs, and a teacher likes to say yes."""
    return bool(_WHETHER.match(question))


def names_command(question: str) -> bool:
    """Whether it quotes a command, flag or path: docs use many that are another program's and explain none."""
    return any(_COMMAND_SIGN.search(name) for name in _QUOTED.findall(question))
