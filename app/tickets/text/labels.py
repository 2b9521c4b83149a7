"""Which lines of a text belong to a stack trace, a log or a shell transcript."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from app.tickets.text.log_lines import LOG_LINE, PROMPT, is_prose
from app.tickets.text.traces import TRACES, Trace, TraceKind

Kind = Literal["python", "jvm", "javascript", "dotnet", "go", "rust", "native", "log", "shell", "code"]

_LOOKED_AT = 500  # characters of a line
_GAP = 6  # lines of a message, or of source code, between two lines that are sure
_HEAD = 4  # lines above the first frame, where a message has several lines
_TAIL = 8
_FEWEST_LOG_LINES = 2


def labels(lines: Sequence[str]) -> list[Kind | None]:
    """For each line its kind, None for what people write. Blank lines inside a block have its kind."""
    cut = [line[:_LOOKED_AT] for line in lines]
    found: list[Kind | None] = [_sure_kind(line) for line in cut]
    for trace in TRACES:
        if trace.kind in found:
            _grow(cut, found, trace)
    _label_shell(cut, found)
    _label_logs(cut, found)
    _fill_gaps(cut, found)
    return found


def _sure_kind(line: str) -> TraceKind | None:
    return next((trace.kind for trace in TRACES if trace.sure.match(line)), None)


def _grow(lines: Sequence[str], found: list[Kind | None], trace: Trace) -> None:
    """Give the kind to lines between, above and below those that are sure."""
    sure = [index for index, kind in enumerate(found) if kind == trace.kind]
    for before, after in pairwise(sure):
        inside = range(before + 1, after)
        if len(inside) <= _GAP and all(found[at] is None for at in inside) and _belong(lines, inside, trace):
            for at in inside:
                found[at] = trace.kind
    for index in sure:
        _grow_up(lines, found, trace, index)
        _grow_down(lines, found, trace, index)


def _belong(lines: Sequence[str], inside: range, trace: Trace) -> bool:
    """Whether these lines go on with a trace: below a blank line only what looks like one does."""
    was_blank = False
    for at in inside:
        was_blank = was_blank or not lines[at].strip()
        if lines[at].strip() and not trace.near.match(lines[at]) and (was_blank or is_prose(lines[at])):
            return False
    return True


def _grow_up(lines: Sequence[str], found: list[Kind | None], trace: Trace, index: int) -> None:
    """Up to the exception's line, which may stand some lines above the first frame."""
    above = index - 1
    while above >= 0 and found[above] is None and index - above <= _HEAD and trace.near.match(lines[above]) is None:
        above -= 1
    if above < 0 or found[above] is not None or trace.near.match(lines[above]) is None:
        return
    if any(not lines[at].strip() or is_prose(lines[at]) for at in range(above + 1, index)):
        return
    for at in range(above, index):
        found[at] = trace.kind


def _grow_down(lines: Sequence[str], found: list[Kind | None], trace: Trace, index: int) -> None:
    for at in range(index + 1, min(index + 1 + _TAIL, len(lines))):
        if found[at] is not None or trace.near.match(lines[at]) is None:
            return
        found[at] = trace.kind
        if trace.kind == "python" and lines[at][:1].strip():  # the exception itself is the last line
            return


def _label_shell(lines: Sequence[str], found: list[Kind | None]) -> None:
    """A command, and its output down to a blank line or to prose."""
    inside = False
    for index, line in enumerate(lines):
        if found[index] is None and PROMPT.match(line):
            found[index] = "shell"
            inside = True
        elif found[index] is None and inside and line.strip() and not is_prose(line):
            found[index] = "shell"
        else:
            inside = False


def _label_logs(lines: Sequence[str], found: list[Kind | None]) -> None:
    for index, line in enumerate(lines):
        if found[index] is not None:
            continue
        continues = index > 0 and found[index - 1] == "log" and line[:1] in {" ", "\t"} and line.strip()
        if LOG_LINE.match(line) or continues:
            found[index] = "log"
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and found[end] == found[start]:
            end += 1
        touches = (start > 0 and found[start - 1] is not None) or (end < len(lines) and found[end] is not None)
        if found[start] == "log" and end - start < _FEWEST_LOG_LINES and not touches:
            found[start:end] = [None] * (end - start)
        start = end


def _fill_gaps(lines: Sequence[str], found: list[Kind | None]) -> None:
    """A blank line between two lines of one kind is of that kind, too."""
    for index in range(1, len(lines) - 1):
        if found[index] is None and not lines[index].strip() and found[index - 1] == found[index + 1]:
            found[index] = found[index - 1]
