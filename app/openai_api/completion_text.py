"""The text of a completion as it grows: events of an answer in, text with linked citations out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from app.answering.answer import AnswerCitation, AnswerDelta, Event

HANDBOOK = "/handbook/"  # where the service serves its own docs
BYTES_A_TOKEN = 4  # of UTF-8; the rule of thumb that OpenAI gives for English, 0.75 tokens for a Chinese character

_MARKER = re.compile(r"(\n?)\[(\d+)\]$")
_CODE_SPAN = re.compile(r"(`[^`]*`)")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?[^()]*\)")
# What ends the target of a markdown link, or is no part of a URL.
_ESCAPES = str.maketrans({char: f"%{ord(char):02X}" for char in '()<>"\\ '})


def count_tokens(text: str) -> int:
    """Tokens of `text`, roughly: its bytes by four, rounded up."""
    return -(-len(text.encode()) // BYTES_A_TOKEN)


class CompletionText:
    """Feed it the events of an answer; it gives the text that can go out.

    The text ends before the first of the stop sequences, and before the sentence that would exceed max_tokens.
    public_url: of the service, for links to its handbook.
    """

    def __init__(self, public_url: str, stop: Sequence[str] = (), max_tokens: int | None = None) -> None:
        self._public_url = public_url.rstrip("/")
        self._stop = stop
        self._left = max_tokens
        self._targets: dict[int, str] = {}  # of links, by marker; empty where there is no usable URL
        self._delta = ""  # the last one, while its citation may still come
        self._tail = ""  # what may be the beginning of a stop sequence
        self._ended = False
        self.finish_reason: Literal["stop", "length"] = "stop"

    def feed(self, event: Event) -> str:
        """The text that is certain now."""
        if isinstance(event, AnswerCitation):
            self._targets[event.citation.marker] = self._target(event.citation.url)
            return self._release()
        if not isinstance(event, AnswerDelta):
            return ""
        before, self._delta = self._release(), event.text
        marker = _MARKER.search(event.text)
        waits = marker is not None and int(marker[2]) not in self._targets
        return before if waits else before + self._release()

    def finish(self) -> str:
        """What was held back."""
        rest = self._release()
        tail, self._tail, self._ended = self._tail, "", True
        return rest + tail

    def _release(self) -> str:
        delta, self._delta = self._delta, ""
        if not delta or self._ended:
            return ""
        if self._left is not None:
            self._left -= count_tokens(delta)
            if self._left < 0:
                tail, self._tail = self._tail, ""
                self._ended, self.finish_reason = True, "length"
                return tail
        return self._before_stop(_MARKER.sub(self._linked, _without_foreign_links(delta)))

    def _linked(self, marker: re.Match[str]) -> str:
        # A line right under a table would be a row of it.
        joint = marker[1] * 2
        target = self._targets.get(int(marker[2]), "")
        return f"{joint}[[{marker[2]}]]({target})" if target else f"{joint}[{marker[2]}]"

    def _target(self, url: str) -> str:
        if url.startswith(HANDBOOK):
            url = self._public_url + url
        return url.translate(_ESCAPES) if re.match(r"https?://[^/]", url) else ""

    def _before_stop(self, text: str) -> str:
        text = self._tail + text
        found = [at for sequence in self._stop if (at := text.find(sequence)) >= 0]
        if found:
            self._tail, self._ended = "", True
            return text[: min(found)]
        held = max((_overlap(text, sequence) for sequence in self._stop), default=0)
        self._tail = text[len(text) - held :]
        return text[: len(text) - held]


def _without_foreign_links(delta: str) -> str:
    """`delta` with images, and links that lead to no web page, reduced to their words; code stays as it is.

    Relative links lead within the docs, from a page that the client does not show.
    """
    if delta.lstrip().startswith(("```", "~~~")):
        return delta
    pieces = _CODE_SPAN.split(delta)  # every other one is a code span
    return "".join(piece if place % 2 else _LINK.sub(_kept_link, piece) for place, piece in enumerate(pieces))


def _kept_link(link: re.Match[str]) -> str:
    return link[0] if not link[1] and re.match(r"https?://[^/]", link[3], re.IGNORECASE) else link[2]


def _overlap(text: str, sequence: str) -> int:
    """Length of the longest end of `text` that `sequence` begins with."""
    longest = min(len(text), len(sequence) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(sequence[:length])), 0)
