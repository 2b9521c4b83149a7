"""The lines of a message, and why some of them are not part of what its author wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "quoted_reply",
    "forwarded_header",
    "signature",
    "sent_from",
    "disclaimer",
    "hidden",
    "script",
    "tracking_pixel",
    "too_long",
]

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Cut:
    """A part that was taken out of a message: its text as it stood there, and why."""

    reason: Reason
    text: str


class MarkedLines:
    """Lines that rules mark with the reason to cut them. A line keeps its first mark; rules pass over code.

    lines: a rule may rewrite a line (a quote's marker taken off). in_code: whether the line is fenced code.
    """

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.reasons: list[Reason | None] = [None] * len(self.lines)
        self.in_code = fenced(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def is_open(self, index: int) -> bool:
        """Whether a rule may look at the line: it is neither cut nor code."""
        return self.reasons[index] is None and not self.in_code[index]

    def is_blank(self, index: int) -> bool:
        return not self.lines[index].strip()

    def next_text(self, index: int) -> int:
        """The first line from `index` on that is not blank; the number of lines where there is none."""
        while index < len(self.lines) and self.is_blank(index):
            index += 1
        return index

    def mark(self, start: int, end: int, reason: Reason) -> None:
        for index in range(start, min(end, len(self.lines))):
            self.reasons[index] = self.reasons[index] or reason

    def unmark(self, reason: Reason) -> None:
        self.reasons = [None if found == reason else found for found in self.reasons]

    def kept(self) -> str:
        text = "\n".join(line for line, reason in zip(self.lines, self.reasons, strict=True) if reason is None)
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def cuts(self) -> tuple[Cut, ...]:
        """What is marked, neighbouring lines of one reason together, in the order of the message."""
        found: list[tuple[Reason, list[str]]] = []
        previous: Reason | None = None
        for line, reason in zip(self.lines, self.reasons, strict=True):
            if reason is not None and reason == previous:
                found[-1][1].append(line)
            elif reason is not None:
                found.append((reason, [line]))
            previous = reason
        return tuple(Cut(reason, "\n".join(lines).strip("\n")) for reason, lines in found)


def fenced(lines: list[str]) -> list[bool]:
    """For each line whether it belongs to a fenced block, its fences included. A fence that never closes is none."""
    inside = [False] * len(lines)
    opened, mark = -1, ""
    for index, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if opened < 0:
            opened, mark = index, fence[1]
        elif fence[1].startswith(mark) and line.strip() == fence[1]:
            inside[opened : index + 1] = [True] * (index + 1 - opened)
            opened = -1
    return inside
