"""What of a block is worth a search: exceptions, error codes, failed commands, the author's own frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.tickets.text.codes import error_codes
from app.tickets.text.exceptions import exceptions
from app.tickets.text.labels import Kind
from app.tickets.text.log_lines import ERROR_LINE, LOG_LINE, LOG_PREFIX, LOGGED_MESSAGE, PROMPT
from app.tickets.text.noise import without_noise
from app.tickets.text.own_frame import own_frame

_MOST_TERMS = 8
_MOST_MESSAGES = 3
_LINE_CHARS = 500
_BLOCK_LINES = 2_000  # from a log's end, where it tells why it ended
# Commands that say nothing about what is asked.
_EVERYDAY = frozenset(
    {"cd", "ls", "pwd", "clear", "cat", "less", "more", "echo", "exit", "vi", "vim", "nano", "history", "whoami", "man"}
)
_SUDO = re.compile(r"^(?:sudo(?: -\w+)*|time|env|exec|nohup)\s+|^(?:[A-Z_][A-Z0-9_]*=\S*\s+)+")


def search_terms(kind: Kind, lines: Sequence[str]) -> tuple[str, ...]:
    """At most eight terms, the most telling first, each free of what differs from machine to machine."""
    cut = [line[:_LINE_CHARS] for line in lines[-_BLOCK_LINES:]]
    found = [*exceptions(kind, cut)]
    if kind in {"log", "shell"}:
        found += _error_messages(cut)
    found += error_codes("\n".join(cut))
    if frame := own_frame(kind, cut):
        found.append(frame)
    found += commands(cut)
    return distinct(without_noise(term) for term in found)[:_MOST_TERMS]


def distinct(found: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order; what has no two letters or digits side by side is no term."""
    return tuple(dict.fromkeys(term for term in found if re.search(r"\w{2}", term)))


def commands(lines: Sequence[str]) -> list[str]:
    """The commands of a transcript without their arguments: `lumen start`, `docker compose up`, `pip install`."""
    found = []
    for line in lines:
        prompt = PROMPT.match(line)
        words = _SUDO.sub("", prompt["command"]).split() if prompt else []
        if not words or words[0] in _EVERYDAY:
            continue
        name = re.split(r"[/\\]", words[0])[-1]
        taken = [name]
        for word in words[1:3]:
            if not re.fullmatch(r"[a-z][a-z-]{1,20}", word):
                break
            taken.append(word)
        flags = [word.partition("=")[0] for word in words[1:] if re.fullmatch(r"--[a-z][\w-]{1,30}(?:=.*)?", word)]
        found.append(" ".join([*taken, *flags[:2]]))
    return found


def _error_messages(lines: Sequence[str]) -> list[str]:
    """The messages of lines that tell of an error, the first two and the last one."""
    found: list[str] = []
    for line in lines:
        if PROMPT.match(line) or not ERROR_LINE.search(line):
            continue
        quoted = LOGGED_MESSAGE.search(line)
        message = without_noise(quoted[1] if quoted else _unprefixed(line))
        if message and message not in found:
            found.append(message)
    return found if len(found) <= _MOST_MESSAGES else [*found[: _MOST_MESSAGES - 1], found[-1]]


def _unprefixed(line: str) -> str:
    """A log line's message; a line that is none is all message: 'bash: lumen: command not found'."""
    return (LOG_PREFIX.sub("", line, count=1) or line) if LOG_LINE.match(line) else line
