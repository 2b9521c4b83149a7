"""From a message's body to the words of its author."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.tickets.text.disclaimers import mark_disclaimers
from app.tickets.text.html import html_to_text
from app.tickets.text.marking import Cut, MarkedLines
from app.tickets.text.plain import readable, shortened
from app.tickets.text.quotes import mark_quotes
from app.tickets.text.signatures import mark_signatures

ContentType = Literal["text", "html"]


@dataclass(frozen=True, slots=True)
class CleanBody:
    """text: markdown, '' where nothing is left. cuts: what was taken out, with the reasons."""

    text: str
    cuts: tuple[Cut, ...]


def clean_body(body: str, content_type: ContentType) -> CleanBody:
    """What the author of `body` wrote, without what mail programs, mail servers and earlier messages added.

    Of a body over 160,000 characters the middle is cut. Never raises, whatever the body holds.
    """
    body, cuts = shortened(body)
    if content_type == "html":
        body, hidden = html_to_text(readable(body))
        cuts += hidden
    message = MarkedLines(readable(body))
    mark_quotes(message)
    mark_disclaimers(message)
    mark_signatures(message)
    return CleanBody(message.kept(), cuts + message.cuts())
