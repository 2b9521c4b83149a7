"""Tokens to text, piece by piece: no broken characters, and no part of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class TextStream:
    """What `push` and `finish` return, joined, is the decoded text up to the first stop string."""

    def __init__(self, decode: Callable[[list[int]], str], stop: Sequence[str]) -> None:
        self._decode = decode
        self._stop = tuple(stop)
        self._tokens: list[int] = []
        self._context = 0  # decoding starts here: some tokenizers treat a first token in another way
        self._read = 0  # tokens before here are in the text
        self._held = ""  # text that may be the beginning of a stop string
        self.stopped = False

    def push(self, tokens: Sequence[int]) -> str:
        """The text that is sure by now. A character whose bytes are not all there waits for them."""
        if self.stopped:
            return ""
        self._tokens += tokens
        known = self._decode(self._tokens[self._context : self._read])
        text = self._decode(self._tokens[self._context :])
        if len(text) <= len(known) or text.endswith("\ufffd"):
            return ""  # the decoder leaves an unfinished character out, or writes a replacement for it
        self._context, self._read = self._read, len(self._tokens)
        return self._release(self._held + text[len(known) :])

    def finish(self) -> str:
        """What was held back. An unfinished character is left out."""
        if self.stopped:
            return ""
        known = self._decode(self._tokens[self._context : self._read])
        text = self._decode(self._tokens[self._context :]).rstrip("\ufffd")
        self._context = self._read = len(self._tokens)
        released = self._release(self._held + text[len(known) :])
        held, self._held = self._held, ""
        return released + held

    def _release(self, text: str) -> str:
        ends = [at for at in (text.find(stop) for stop in self._stop) if at >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            return text[: min(ends)]
        hold = max((_overlap(text, stop) for stop in self._stop), default=0)
        cut = len(text) - hold
        self._held = text[cut:]
        return text[:cut]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of the text that begins the stop string."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
