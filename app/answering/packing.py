"""Which retrieved passages go into the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from app.answering.quotes import is_signpost
from app.config import AnsweringSettings
from app.index.search import Candidate

_QUOTED_PASSAGES = 8  # whose quotes are looked at


def telling(candidates: Sequence[Candidate], settings: AnsweringSettings) -> list[Candidate]:
    """Those whose quotes are looked at, the best first: lists of links to other pages take no place."""
    quoted = max(_QUOTED_PASSAGES, settings.max_passages)
    found = (candidate for candidate in candidates if not is_signpost(candidate.chunk.text))
    return list(islice(found, quoted)) or list(candidates[:1])


def packed(best: Sequence[Candidate], settings: AnsweringSettings) -> tuple[Candidate, ...]:
    """The best of them that fit the token budget, in the order of the documents.

    The same set of passages is the same prompt, whatever the ranks, so that prefix caches hold it.
    """
    chosen: list[Candidate] = []
    room = settings.context_tokens
    for candidate in best[: settings.max_passages]:
        if candidate.chunk.tokens <= room:
            chosen.append(candidate)
            room -= candidate.chunk.tokens
    return tuple(sorted(chosen or best[:1], key=lambda one: (one.chunk.source, one.chunk.path, one.chunk.id)))
