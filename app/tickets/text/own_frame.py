"""The frame of a trace that is the author's own: not the language's, not a library's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.tickets.text.labels import Kind

_FRAMES: dict[Kind, re.Pattern[str]] = {
    "python": re.compile(r"\s*(?:\|\s+)?File \"(?P<file>[^\"]{1,300})\", line \d+(?:, in (?P<function>[\w.<>]+))?"),
    "jvm": re.compile(r"\s*at (?:[\w.@-]+/{1,2})?(?P<function>[\w$.<>]+)\((?P<file>[^)]{0,120})\)"),
    "javascript": re.compile(
        r"\s+at (?:(?:async )?(?:new )?(?P<function>[\w$.<>#]+)(?: \[as \w+\])? \()?"
        r"(?P<file>[^()\s]{1,300}):\d+:\d+\)?$"
    ),
    "dotnet": re.compile(r"\s+at (?P<function>[\w.<>`+|]+?)(?:\[[^\]]{0,100}\])?\((?P<file>)"),
    "go": re.compile(
        r"(?P<function>[A-Za-z][\w./*()-]{1,200}?)(?:\(\.\.\.\)|\((?:0x|\{|\))[^()]{0,300}\)?)?\)?$(?P<file>)"
    ),
    "rust": re.compile(r"\s*\d+:\s+(?:0x[0-9a-f]+ - )?(?P<function>[\w<>: ]{1,200})(?P<file>)"),
    "native": re.compile(r"\s*#\d+\s+(?:0x[0-9a-fA-F]+ )?(?:in )?(?P<function>[\w:~<>]+)(?P<file>.{0,300})$"),
}
_FOREIGN: dict[Kind, re.Pattern[str]] = {
    "python": re.compile(
        r"site-packages|dist-packages|/lib(?:64)?/python\d|\\lib\\|<frozen|<string>|importlib", re.IGNORECASE
    ),
    "jvm": re.compile(
        r"^(?:java|javax|jdk|sun|com\.sun|jakarta|kotlin|kotlinx|scala|groovy|clojure|reactor|io\.netty"
        r"|io\.reactivex|com\.google"
        r"|com\.fasterxml|com\.zaxxer|org\.(?:springframework|apache|hibernate|junit|gradle|eclipse|slf4j|postgresql"
        r"|h2))\."
    ),
    "javascript": re.compile(r"node_modules|node:|internal/|^internal|webpack/|<anonymous>"),
    "dotnet": re.compile(r"^(?:System|Microsoft|Npgsql|Newtonsoft|MySql|NUnit|Xunit)\."),
    "go": re.compile(
        r"^(?:runtime|net|net/http|os|io|sync|reflect|testing|syscall|internal|encoding|fmt"
        r"|bufio|context|panic|goroutine|created|exit)\b"
    ),
    "rust": re.compile(r"^(?:<?(?:std|core|alloc|tokio|backtrace)::|rust_|_?_?rust|__libc|_start|main$|<.* as core)"),
    "native": re.compile(
        r"^(?:__|_start|raise|abort|\?\?|_?clone|start_thread|std::|malloc|free|memcpy|strlen|poll|select|gsignal"
        r"|operator|pthread)"
        r"|from /(?:usr/)?lib"
    ),
}


def own_frame(kind: Kind, lines: Sequence[str]) -> str:
    """Where in the author's or the product's code the trace comes from, like 'server.start'; '' if unknown."""
    pattern = _FRAMES.get(kind)
    if pattern is None:
        return ""
    frames = [match for line in lines if (match := pattern.match(line))]
    if kind == "python":  # the most recent call stands last
        frames.reverse()
    own = next((frame for frame in frames if not _is_foreign(kind, frame)), None)
    return _named(kind, own) if own else ""


def _is_foreign(kind: Kind, frame: re.Match[str]) -> bool:
    subject = frame["file"] if kind in {"python", "javascript"} else (frame["function"] or "")
    if kind == "native":
        return bool(_FOREIGN[kind].search(f"{frame['function']} {frame['file']}"))
    return bool(_FOREIGN[kind].search(subject))


def _named(kind: Kind, frame: re.Match[str]) -> str:
    function = (frame["function"] or "").strip()
    stem = re.split(r"[/\\]", frame["file"] or "")[-1]
    if kind == "python":
        name = stem.removesuffix(".py")
        return stem if function in {"", "<module>"} else f"{name}.{function}"
    if kind == "javascript":
        return function if function and not function.startswith("Object.<") else stem
    if kind in {"jvm", "dotnet"}:
        return ".".join(function.split(".")[-2:])
    if kind == "go":
        return function.rsplit("/", 1)[-1]
    return re.sub(r"::h[0-9a-f]{16}$", "", function)
