"""Could a user who never saw the page ask it? A teacher that is shown one chunk writes of 'the given code'."""

from __future__ import annotations

import re

_THING = (
    r"(?:guide|page|section|content|context|keywords?|metadata|snippets?|text|passage|excerpt|document|header|code|"
    r"commands?|examples?|file|line|video|notebook|image|table|steps?|method|function|configuration|scripts?|"
    r"instructions?|data|links?|request|information|case|scenario)"
)
_SHOWN = r"(?:given|provided|above|following|below|mentioned|linked|presented|shown|described)"
_PLACE = r"(?:first|second|third|fourth|next|previous|last|final)"
_BOUND = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:this|these|that|those) (?:\w+ )?{_THING}\b",
        rf"\b(?:the|in) {_PLACE} (?:steps?|commands?|examples?|lines?|sections?|snippets?)\b(?! (?:of|to|for|in)\b)",
        rf"\b(?:the|in|an?) (?:\w+ )?{_SHOWN} (?:\w+ )?{_THING}\b(?! (?:of|to|for|in))",
        r"\bthe (?:page|section|content|context|metadata|text|passage|document|excerpt|guide|code)\b(?! (?:of|for|in))",
        r"\b(?:code )?snippets?\b|\bcode (?:block|example|sample)s?\b|\b(?:the|this) (?:example|sample)\b",
        r"\bkeywords?\b|\bmetadata\b|\bheaders? \d\b|\bheading\b|'[^']+' (?:section|header|tag)\b",
        r"\bthe (?:JSON )?(?:payload|data|response)\?$",
        r"\bthe (?:JSON (?:payload|data)|payload)\b(?! (?:of|for|sent|to)\b)",
        r"\b(?:mentioned|provided|given|shown|referenced) (?:in|here|above|below)\b|\bcode (?:provided|given|shown)\b",
        r"(?:`|'|\bthe|\bthis) line\b",
        r"\bthe (?!(?:\w+ )*(?:source|exit|status|error|return|response|access) code)(?:[\w-]+ ){1,3}code\b",
        r"\baccording to\b|\bcoming soon\b",
    )
]
# An answer that points at what its writer saw is of no use to a reader who does not see it.
_POINTS = re.compile(
    r"\b(?:given|provided|above) (?:context|text|content|page|document|snippets?|information)\b|"
    r"\bmentioned in the \w+|"
    r"\b(?:according to|in|by|as per) the (?:page|context|passage|keywords?|content|document|text)\b(?! of)|"
    r"\bthe (?:page|context|passage|content|text|document) (?:\w+ )?"
    r"(?:does|mentions?|provides?|states?|says?|suggests?)\b|\bkeywords? (?:provided|listed|given)\b|"
    r"\b(?:instructions?|steps|code|link) (?:provided|given|above|below)\b",
    re.IGNORECASE,
)


def bound_by(question: str, answer: str) -> str:
    """The words that bind the pair to its page, '' if none do."""
    for pattern in _BOUND:
        if found := pattern.search(question):
            return f"the question says '{found[0].strip()}'"
    found = _POINTS.search(answer)
    return f"the answer says '{found[0].strip()}'" if found else ""
