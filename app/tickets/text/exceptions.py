"""The exceptions that a stack trace names: class and message."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.tickets.text.labels import Kind

_DOTTED = r"(?:[A-Za-z_$][\w$]{0,80}[.:\\]{1,2}){0,12}(?P<name>[A-Za-z_$][\w$]{0,100})"
_LOGGED = r"(?:.{0,160}?[\s:|\]-])??"

_PYTHON = re.compile(rf"(?:\|\s+)?{_DOTTED}(?:: (?P<message>.*))?$")
_JVM = re.compile(
    rf"\s*(?:Caused by: |Suppressed: )?{_LOGGED}(?:Exception in thread \"[^\"]{{0,80}}\" )?"
    r"(?:[a-z_][\w$]*\.){1,10}(?P<name>[A-Z][\w$]*)(?:: (?P<message>.*))?$"
)
_JAVASCRIPT = re.compile(
    rf"\s*{_LOGGED}(?:Uncaught )?(?:\(in promise\) ?)?(?P<name>[A-Z]\w{{0,80}}(?:Error|Exception)"
    rf"|Error)(?: \[(?P<code>\w+)\])?: (?P<message>.*)$"
)
_DOTNET = re.compile(
    rf"\s*(?:---> )?{_LOGGED}(?:\w+\.){{1,10}}(?P<name>\w+Exception)(?: \(0x\w+\))?(?:: (?P<message>.*))?$"
)
_GO = re.compile(rf"{_LOGGED}(?P<name>panic|fatal error): (?P<message>.*?)(?: \[recovered\])?$")
_RUST_COMPILER = re.compile(r"(?P<name>error)(?:\[[A-Z]\d{4}\])?: (?P<message>(?!aborting|could not compile).*)$")
_RUST_OLD_PANIC = re.compile(r"thread '.{0,100}?'(?: \(\d+\))? panicked at '(?P<message>.*)', \S+:\d+:\d+")
_RUST_PANIC = re.compile(r"thread '.{0,100}?'(?: \(\d+\))? panicked at \S+:\d+:\d+:$")
_NATIVE = (
    re.compile(r".{0,80}signal (?P<name>SIG[A-Z]+), (?P<message>[A-Z][\w ]+)"),
    re.compile(r"==\d+==\s?ERROR: (?P<name>\w+Sanitizer): (?P<message>[\w-]+)"),
    re.compile(r"terminate called after throwing an instance of '(?P<name>[^']{1,120})'(?P<message>)"),
    re.compile(r"\s*what\(\):\s+(?P<name>)(?P<message>.*)"),
    re.compile(r"(?P<name>).{0,200}?(?P<message>undefined reference to [`'][^`']{1,120})"),
    re.compile(r"\S{1,200}:\d+:(?:\d+:)? (?:fatal )?(?P<name>error): (?P<message>.*)"),
    re.compile(r".{0,200}(?P<name>Assertion) (?P<message>[`'].{1,200}' failed)"),
)
_BY_KIND: dict[Kind, tuple[re.Pattern[str], ...]] = {
    "jvm": (_JVM,),
    "javascript": (_JAVASCRIPT,),
    "dotnet": (_DOTNET,),
    "go": (_GO,),
    "rust": (_RUST_OLD_PANIC, _RUST_COMPILER),
    "native": _NATIVE,
}


def exceptions(kind: Kind, lines: Sequence[str]) -> tuple[str, ...]:
    """'Class: message' of the exceptions in a trace, the root cause first, at most three."""
    if kind == "python":
        found = _python(lines)
    else:
        patterns = _BY_KIND.get(kind, ())
        found = [_named(match) for line in lines for pattern in patterns if (match := pattern.match(line))]
        if kind == "rust":
            found += [f"panicked: {lines[at + 1]}" for at in range(len(lines) - 1) if _RUST_PANIC.match(lines[at])]
        if kind == "jvm":  # 'Caused by' stands below what it caused
            found.reverse()
    distinct = list(dict.fromkeys(each for each in found if each))
    return (*distinct[:2], distinct[-1]) if len(distinct) > 3 else tuple(distinct)


def _python(lines: Sequence[str]) -> list[str]:
    """The line that ends each traceback: the first one below its frames that is not indented."""
    found = []
    inside = False
    for line in lines:
        bare = line.lstrip(" |") if line.lstrip().startswith("|") else line
        if "Traceback (most recent call last)" in bare or bare.lstrip().startswith('File "'):
            inside = True
        elif inside and bare[:1].strip() and not bare.startswith(("During ", "The above ")):
            match = _PYTHON.match(bare)
            if match:
                found.append(_named(match))
                inside = False
    return found


def _named(match: re.Match[str]) -> str:
    name, message = match.groupdict().get("name") or "", (match["message"] or "").strip()
    name = "panicked" if match.re is _RUST_OLD_PANIC else name
    return f"{name}: {message}" if name and message else name or message
