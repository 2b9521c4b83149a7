"""How log lines and shell prompts look."""

from __future__ import annotations

import re

LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRIT|CRITICAL|ALERT|EMERG|PANIC)\b"
_DATE = r"\d{4}[-/.]\d{2}[-/.]\d{2}"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z|\s?[+-]\d{2}:?\d{2})?"
TIMESTAMP = (
    rf"(?:{_DATE}(?:[T ]{_CLOCK})?|\d{{1,2}}/[A-Z][a-z]{{2}}/\d{{4}}:{_CLOCK}"
    rf"|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}},? {_CLOCK}"
    rf"|(?:[A-Z][a-z]{{2}} )?[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}}(?: \d{{4}})? {_CLOCK}(?: \d{{4}})?|{_CLOCK}"
    rf"|\d{{10,13}}(?:\.\d+)?)"
)
# What stands before the message of a line: date, level, host, process, logger, thread, in any order.
_TAG = (
    rf"(?:\[[^\]\n]{{1,80}}\]|\({LEVEL}\)|{LEVEL}:?|[|:-]"
    rf"|(?!(?:fatal|error|panic|failed|warning)\b)[\w.@/-]{{1,60}}(?:\[\d+\])?:)"
)
LOG_LINE = re.compile(
    rf"\s*(?:[\w.-]{{1,40}}\s{{0,4}}\|\s)?(?:\[?{TIMESTAMP}\]?(?:[\s|]|$)"
    rf"|\[{LEVEL}\s?\]|{LEVEL}(?::|\s{{1,6}}[\[\w(-])|[IWEF]\d{{4}} {_CLOCK}"
    r"|(?:time|ts|level)=\S+ |\{\"(?:time|ts|timestamp|level|severity|msg|message|@timestamp)\"\s?:)"
)
LOG_PREFIX = re.compile(
    rf"\s*(?:[\w.-]{{1,40}}\s{{0,4}}\|\s)?(?:[IWEF]\d{{4}} {_CLOCK}\s+\d+ [\w.]+:\d+\]\s?)?(?:\[?{TIMESTAMP}\]?[\s|]*)?"
    rf"(?:\[?{TIMESTAMP}\]?[\s|]*)?(?:[\w.-]{{1,60}}\s(?=[\w./-]{{1,60}}(?:\[\d+\]):))?(?:{_TAG}\s*){{0,8}}"
)
ERROR_LINE = re.compile(
    r"\b(?:ERROR|FATAL|CRITICAL|SEVERE|CRIT|PANIC|EMERG|ALERT|ERR|[Ee]rror|[Ff]atal|[Ff]ailed|[Ff]ailure|[Pp]anic"
    r"|[Dd]enied|[Rr]efused"
    r"|[Cc]annot|[Cc]ould not|[Nn]ot found|[Nn]o such|[Uu]nable to|[Ii]nvalid|[Tt]imed out|[Tt]imeout)\b|^E\d{4} "
    r"|\w(?:Error|Exception)\b"
)
LOGGED_MESSAGE = re.compile(r"(?:\bmsg=|\"(?:msg|message|error)\"\s?:\s?)\"((?:[^\"\\]|\\.){1,300})\"")

# A command after a prompt: `$ x`, `user@host:~/dir$ x`, `(env) user@host dir % x`, `PS C:\\dir> x`, `C:\\dir> x`.
PROMPT = re.compile(
    r"\s*(?:\([\w.-]{1,40}\) )?(?:[\w.-]{1,40}@[\w.-]{1,60}(?:[: ][^\s$#%>]{0,120})?\s?[$#%>]"
    r"|\[[\w.-]{1,40}@[\w.-]{1,60} [^\]]{0,120}\][$#]"
    r"|(?:PS )?[A-Z]:\\[^<>|?*\n]{0,120}>|[$❯➜](?=\s))\s?(?P<command>\S.{0,300})"
)
_PROSE = re.compile(
    r"(?:I|We|But|And|So|Then|How|What|Why|When|Where|After|Any|Is|Do|Does|Can|Thanks|Please|Ich|Wir|Wie|Warum"
    r"|Danach|Je|Nous|Comment"
    r"|Pourquoi|Cómo|Por|No sé)\b"
)


def is_prose(line: str) -> bool:
    """Whether a line below a command is no longer its output."""
    words = len(line.split())
    return words >= 4 and (line.rstrip().endswith("?") or bool(_PROSE.match(line)))
