"""What a sentence of a ticket does."""

from __future__ import annotations

import re
from typing import Literal

from app.tickets.text.phrases import (
    ASKS,
    ASKS_WITHIN,
    COMPLAINT,
    GREETING,
    MARK,
    PHRASE,
    PLEA,
    PROBLEM,
    RHETORICAL,
    SAYS,
    SOLVED,
    THANKS,
    UNCHANGED,
    WISH,
)

# problem: something that fails, or a wish. plea: asks for help without saying with what. solved: nothing is left to do.
Intent = Literal["question", "problem", "plea", "courtesy", "solved", "context"]

_LOOKED_AT = 400  # characters of a sentence: what it does shows at its beginning or its end


def without_greeting(sentence: str) -> str:
    return GREETING.sub("", sentence, count=1)


def intent(sentence: str) -> Intent:
    """What `sentence` does. Of a long one the first 200 and the last 200 characters count."""
    text = without_greeting(sentence).strip()
    if len(text) > _LOOKED_AT:
        text = f"{text[: _LOOKED_AT // 2]} {text[-_LOOKED_AT // 2 :]}"
    if not re.search(r"\w", text) or RHETORICAL.match(text):
        return "courtesy"
    if PLEA.match(text):
        return "plea"
    return _of_statement(text)


def _of_statement(text: str) -> Intent:
    tells = bool(PROBLEM.search(text) or SAYS.search(text)) and not UNCHANGED.match(text)
    asks = bool(MARK.search(text) or ASKS.match(text) or ASKS_WITHIN.search(text))
    if COMPLAINT.search(text) and not (asks and len(text.split()) > 6) and not tells:
        return "courtesy"
    if SOLVED.search(text) and not asks and not re.search(r"\b(?:but|aber|mais|pero|not|nicht)\b", text, re.IGNORECASE):
        return "solved"
    if (THANKS.match(text) or PHRASE.match(text)) and not MARK.search(text) and not tells:
        return "courtesy"
    if asks:
        return "question"
    return "problem" if tells or WISH.search(text) else "context"
