"""An answer as markdown for where tickets live, and that markdown as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt

from app.answering.answer import Citation
from app.tickets.schemas import TicketResponse, TicketResult

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LINK = re.compile(r"https?://[^\s<>]+")
_MAY_LEAD_TO = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
_HEADLINES = {
    "reply": "Docent's reply",
    "draft": "Docent's draft, for a person to send",
    "escalate": "Docent leaves this to a person",
}


def markdown_reply(result: TicketResult) -> str:
    """What the requester gets: the text with its [n] markers, and under it each source with link and quote."""
    return _joined(result.text, _sources(result.citations))


def markdown_note(ticket: TicketResponse) -> str:
    """What the team gets: decision, reasons, confidence, summary, text and sources; or why there is no answer."""
    result = ticket.result
    if result is None:
        why = f"{ticket.error.kind}: {ticket.error.detail}" if ticket.error else f"the ticket is {ticket.state}"
        return f"**Docent has no answer**\n\n{plain(why)}"
    facts = [f"Decision: {result.decision}", f"confidence: {result.confidence:.0%}"]
    if result.reasons:
        facts.append(f"reasons: {', '.join(reason.replace('_', ' ') for reason in result.reasons)}")
    return _joined(
        f"**{_HEADLINES[result.decision]}**",
        "; ".join(facts),
        f"**For whoever takes over**\n\n{result.handoff_summary}" if result.handoff_summary else "",
        f"**Text**\n\n{_quoted(result.text)}" if result.text.strip() else "",
        _sources(result.citations),
        f"Suggested labels: {', '.join(map(plain, result.suggested_labels))}" if result.suggested_labels else "",
    )


def html(markdown: str) -> str:
    """HTML of markdown from a model or a ticket, fit for a mail: tags in it are shown as text, nothing is loaded from
    elsewhere (an image becomes a link), and links lead to http, https or mailto alone.
    """
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    renderer.validateLink = lambda url: _MAY_LEAD_TO.match(url) is not None  # type: ignore[method-assign]
    return str(renderer.render(markdown)).strip()


def plain(text: str) -> str:
    """Text on one line, as markdown that shows it as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _sources(citations: Sequence[Citation]) -> str:
    if not citations:
        return ""
    return "**Sources**\n\n" + "\n".join(map(_source, citations))


def _source(citation: Citation) -> str:
    # The number is written out: an ordered list would count by itself and miss a marker that was dropped.
    headings = [heading for heading in citation.heading_path if heading != citation.title]
    name = plain(" › ".join(part for part in (citation.title, *headings) if part) or citation.url)
    place = f"[{name}](<{citation.url}>)" if _LINK.fullmatch(citation.url) else name
    return f"- \\[{citation.marker}\\] {place}\n\n  > {plain(citation.quote)}\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())
