"""Labels that fit a ticket: those that the team uses already, and the pages its answer stands on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.answering.answer import Citation
from app.index.terms import terms

_MOST = 5
_SLUG = re.compile(r"[^a-z0-9]+")


def suggested_labels(text: str, citations: Sequence[Citation], known: Sequence[str], has: Sequence[str]) -> list[str]:
    """At most five, none that the ticket has. text: subject and body. known: labels in use, the most frequent first.

    A label in use fits when all its words stand in the ticket or in the headings that are cited. After them come the
    titles of the cited pages, as labels are written.
    """
    headings = " ".join(" ".join((one.title, *one.heading_path)) for one in citations)
    said = set(terms(f"{text} {headings}"))
    fitting = [label for label in known if (words := set(terms(label.replace("-", " ")))) and words <= said]
    titles = [_SLUG.sub("-", one.title.lower()).strip("-") for one in citations]
    taken = {label.lower() for label in has}
    found = dict.fromkeys(label for label in [*fitting, *titles] if label and label.lower() not in taken)
    return list(found)[:_MOST]
