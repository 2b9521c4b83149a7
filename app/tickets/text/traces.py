"""How stack traces look, line by line, in the languages that tickets paste them from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

TraceKind = Literal["python", "jvm", "javascript", "dotnet", "go", "rust", "native"]


@dataclass(frozen=True, slots=True)
class Trace:
    """sure: a line that stands in nothing but such a trace. near: one that belongs to it when it touches such a line.

    Every pattern is anchored at its line's beginning and is given at most 500 characters.
    """

    kind: TraceKind
    sure: re.Pattern[str]
    near: re.Pattern[str]


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in alternatives))


# What loggers put before the first line of a trace: a date, a level, a logger's name.
_LOGGED = r"(?:.{0,120}?[\s:|\]-])?"
_CLASS = r"(?:[A-Za-z_$][\w$]{0,80}\.){0,12}[A-Za-z_$][\w$]{0,100}"
_EXCEPTION = r"(?:Error|Exception|Throwable|Failure|Fault|Warning|Interrupt|Exit|Timeout|Refused)"

TRACES = (
    Trace(
        "python",
        _pattern(
            rf"\s*(?:\| )?{_LOGGED}(?:Exception Group )?Traceback \(most recent call last\):",
            r"\s*(?:\|\s+)?File \"[^\"]{1,300}\", line \d+",
            r"\s*(?:During handling of the above exception|The above exception was the direct cause)",
        ),
        _pattern(
            rf"[\w.]{{0,200}}{_EXCEPTION}(?:$|:)", rf"{_CLASS}\.[A-Z]\w+(?:: |$)", r"\s+\S", r"\s*\|", r"[A-Z]\w+: "
        ),
    ),
    Trace(
        "jvm",
        _pattern(
            r"\s*at [\w$.<>/@ -]{2,200}\((?:[\w$-]+\.(?:java|kt|scala|groovy|clj)(?::\d+)?|Native Method|Unknown Source"
            r"|<generated>)\)",
            r"\s*\.\.\. \d+ (?:more|common frames omitted)",
            rf"\s*{_LOGGED}Exception in thread \"",
        ),
        _pattern(
            rf"\s*(?:Caused by: |Suppressed: |Wrapped by: )?{_LOGGED}(?:[a-z_][\w$]*\.){{1,10}}[A-Z][\w$]*(?:$|:)",
            rf"\s*(?:Caused by: |Suppressed: )?[\w$.]{{0,200}}{_EXCEPTION}(?:$|:)",
            r"\s*(?:Caused by|Suppressed): ",
        ),
    ),
    Trace(
        "javascript",
        _pattern(
            r"\s+at (?:async )?(?:new )?.{0,160}\((?:[^()\s]{1,300}:\d+:\d+|<anonymous>|native|node:[\w:/.-]+)\)$",
            r"\s+at (?:async )?(?!\S{0,300}\.rs:)[^()\s]{1,300}:\d+:\d+$",
            r"(?:file://)?\S{1,200}\.[cm]?[jt]sx?:\d+$",
            r"\s{0,8}[\w$.<>/]{0,80}@(?:https?|file|webpack-internal|app)://\S{1,300}:\d+:\d+$",
        ),
        _pattern(
            rf"\s*{_LOGGED}(?:Uncaught )?(?:\(in promise\) ?)?[\w$.]{{0,200}}{_EXCEPTION}(?: \[\w+\])?(?:$|:)",
            r"node:[\w/]+:\d+$",
            r"Node\.js v\d",
            r"\s{2,}\S",
            r"[{}]\s*$",
            r"\s*\^+\s*$",
        ),
    ),
    Trace(
        "dotnet",
        _pattern(
            r"\s+at [\w.<>`+|\[\],$]{2,200}\([^()]{0,300}\)(?: in .{1,300}:line \d+)?$",
            r"\s*--- End of (?:inner exception )?stack trace",
            r"Unhandled [Ee]xception[.:] ",
        ),
        _pattern(rf"\s*(?:---> )?{_LOGGED}[\w.`+]{{0,200}}Exception(?: \(0x[0-9A-Fa-f]+\))?(?:$|:)", r"\s*---> "),
    ),
    Trace(
        "go",
        _pattern(
            r"goroutine \d+ \[[^\]\n]{1,80}\]:",
            r"\s*\S{1,300}\.(?:go|s):\d+(?: \+0x[0-9a-f]+)?$",
            r"\[signal SIG\w+",
            rf"{_LOGGED}panic: ",
            r"fatal error: ",
            r"created by \S+",
        ),
        _pattern(r"[\w./*()\[\]{}·-]{2,200}\([^()]{0,300}\)$", r"exit status \d+", r"\t"),
    ),
    Trace(
        "rust",
        _pattern(
            r"thread '[^']{1,100}'(?: \(\d+\))? panicked at",
            r"(?:error|warning)\[[A-Z]\d{4}\]: ",
            r"\s*--> \S{1,300}:\d+:\d+",
            r"note: (?:run with `RUST_BACKTRACE|Some details are omitted)",
            r"stack backtrace:",
            r"error: (?:aborting due to|could not compile)",
            r"For more information about this error, try",
            r"\s*\d+:\s+(?:0x[0-9a-f]+ - )?[\w<>]{1,200}::",
            r"\s+at (?:\.?/|[A-Z]:)\S{1,300}\.rs:\d+",
        ),
        _pattern(
            r"\s*\d*\s*\|",
            r"\s*= (?:note|help)",
            r"error: ",
            r"(?:called|assertion|index|attempt|explicit)\b",
            r"\s+\d+:",
        ),
    ),
    Trace(
        "native",
        _pattern(
            r"\s*#\d+\s+(?:0x[0-9a-fA-F]+ )?(?:in )?\S.{0,200}\(.{0,300}\)?(?: (?:at|from) \S+)?$",
            r"(?:Thread \d+ .{0,60})?(?:Program |thread .{0,40})?received signal SIG",
            r"Program terminated with signal",
            r"==\d+==\s?ERROR: ",
            r"terminate called after throwing",
            r"\S{1,200}\.(?:c|cc|cpp|cxx|h|hpp|cu|m|mm):\d+:(?:\d+:)? (?:fatal )?(?:error|warning|undefined)",
            r".{0,200}undefined reference to [`']",
            r"\s*what\(\):\s",
            r"\S{1,200}\(\S{0,200}\+0x[0-9a-f]+\)\s?\[0x[0-9a-f]+\]",
        ),
        _pattern(
            r"\[(?:New Thread|Switching to|Thread debugging|Current thread)",
            r"(?:Segmentation fault|Aborted|Bus error|Illegal instruction)\b",
            r"\S{0,200}:\s?In function",
            r"collect2: ",
            r"\s*(?:SUMMARY|READ|WRITE) ",
            r"\s*\d*\s*\|",
            r"\S{0,80}: \S{0,200}:\d+: .{0,200}Assertion",
            r"\(gdb\)",
            r"\d+\t",
        ),
    ),
)
