"""The texts of a chunk that get a dense vector of their own.

A chunk packs several small sections, and one vector of them all is near none of their questions. So besides the whole
chunk each stretch of about 100 tokens within one section is embedded, under its own headings, and the nearest vector
counts (MaxSim). Measured on 99 labelled questions about one product, with MiniLM: dense vectors alone went from
hit@3 0.80 to 0.88, fused with BM25 from 0.91 to 0.94, for 3 times the vectors and twice the tokens to embed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.index.section import Chunk, Span

WINDOW_TOKENS = 100

_BLOCKS = re.compile(r"\n{2,}")
_HEADING_LINE = re.compile(r"\A\s*#{1,6} .*\n?")


def passage_text(chunk: Chunk) -> str:
    """The whole chunk under title, headings and the page's own description: what both kinds of vectors are made of."""
    return _under(chunk.context, chunk.summary, chunk.text)


def windows(chunk: Chunk, count_tokens: Callable[[str], int]) -> list[str]:
    """The chunk as a whole, then its windows in order; the chunk alone when it is no longer than one window."""
    parts = [part for span in chunk.spans for part in _span_windows(chunk, span, count_tokens)]
    whole = passage_text(chunk)
    return [whole, *parts] if len(parts) > 1 else [whole]


def _span_windows(chunk: Chunk, span: Span, count_tokens: Callable[[str], int]) -> list[str]:
    body = _HEADING_LINE.sub("", chunk.text[span.start : span.end]).strip()
    context = " > ".join((chunk.title, *span.heading_path))
    parts: list[str] = []
    held, room = "", 0
    for block in filter(None, (piece.strip() for piece in _BLOCKS.split(body))):
        tokens = count_tokens(block)
        if held and tokens > room:
            parts.append(_under(context, chunk.summary, held))
            held = ""
        held, room = (f"{held}\n\n{block}", room - tokens) if held else (block, WINDOW_TOKENS - tokens)
    if held:
        parts.append(_under(context, chunk.summary, held))
    return parts


def _under(context: str, summary: str, text: str) -> str:
    head = f"{context}\n{summary}" if summary else context
    return f"{head}\n\n{text}"
