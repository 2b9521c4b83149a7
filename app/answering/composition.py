"""The text of an answer as it grows: segments in, deltas with numbered citations out."""

from __future__ import annotations

import re

from app.answering.answer import AnswerCitation, AnswerDelta, Citation
from app.answering.quotes import Quote
from app.answering.segments import Segment, SegmentKind


class Composition:
    """What has been shown so far. It only grows: nothing shown is taken back."""

    def __init__(self) -> None:
        self.text = ""
        self.citations: list[Citation] = []
        self.quotes: list[Quote] = []
        self.supports: list[float] = []
        self._last: SegmentKind | None = None
        self._paragraph_pending = False

    def add(self, segment: Segment, quote: Quote, score: float) -> list[AnswerDelta | AnswerCitation]:
        """Show `segment` with its citation; the events of doing so. A quote cited before keeps its number."""
        known = next((one for one in self.citations if _same(one, quote)), None)
        citation = known or Citation(
            marker=len(self.citations) + 1,
            chunk_id=quote.chunk.id,
            title=quote.chunk.title,
            heading_path=list(quote.heading_path),
            url=quote.url,
            quote=quote.text,
            score=round(min(score, 1.0), 4),
        )
        marker = f"\n[{citation.marker}]" if segment.kind in {"code", "table"} else f" [{citation.marker}]"
        delta = self._joint(segment) + segment.text + marker
        self.text += delta
        self.supports.append(score)
        self._last, self._paragraph_pending = segment.kind, False
        events: list[AnswerDelta | AnswerCitation] = [AnswerDelta(text=delta)]
        if known is None:
            self.citations.append(citation)
            self.quotes.append(quote)
            events.append(AnswerCitation(citation=citation))
        return events

    @property
    def text_without_markers(self) -> str:
        return re.sub(r"\[\d+\]", "", self.text)

    def cites(self, quote: Quote) -> bool:
        return quote in self.quotes

    def skip(self, segment: Segment) -> None:
        """Note a dropped segment: a paragraph that it began begins with the next one."""
        self._paragraph_pending = self._paragraph_pending or segment.starts_paragraph

    def _joint(self, segment: Segment) -> str:
        if self._last is None:
            return ""
        if self._last == segment.kind == "item":
            return "\n"
        new_block = segment.starts_paragraph or self._paragraph_pending
        if self._last != segment.kind or segment.kind != "sentence" or new_block:
            return "\n\n"
        return " "


def _same(citation: Citation, quote: Quote) -> bool:
    return citation.chunk_id == quote.chunk.id and citation.quote == quote.text
