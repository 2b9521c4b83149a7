"""Error codes: what a search finds exactly or not at all."""

from __future__ import annotations

import errno
import re

_CODE = re.compile(
    r"(?<![\w.-])(?:"
    r"error\[(?P<bracketed>[A-Z]\d{4})\]"
    r"|(?P<http>HTTP(?:/\d(?:\.\d)?)?[ :]{1,2}[45]\d\d\b|(?:status|response|HTTP)(?: code)?[ :=]{1,3}[45]\d\d\b"
    r"|[45]\d\d(?= (?:Bad|Unauthorized|Payment|Forbidden|Not|Method|Request|Conflict|Gone|Payload|URI|Unsupported"
    r"|Too|Internal"
    r"|Service|Gateway|Unprocessable)\b))"
    r"|(?P<plain>(?:ORA|SQL|PLS|TNS|DB2|IMS|CVE-\d{4}|AADSTS|RUSTSEC-\d{4}|[A-Z]{3,10})-\d{3,6}[A-Z]?"
    r"|(?:TS|CS|NU|MSB|CA|NETSDK|LNK|BC|AADSTS|VBA)\d{4,6}|SQLSTATE ?\[?\w{5}\]?|0x8[0-9A-Fa-f]{7}"
    r"|ERR_[A-Z_]{3,60}|SIG(?:SEGV|ABRT|KILL|ILL|BUS|FPE|TERM|PIPE|TRAP)|(?:[A-Z]{2,}_){1,6}(?:ERROR|FAILED|FAILURE"
    r"|DENIED|EXCEPTION))"
    r"|(?P<lettered>[EWF]\d{3,4}(?= ?:)|[Ee]rror (?:code )?:?#?(?P<numbered>[A-Z]{0,3}-?\d{1,6})\b)"
    r"|[Ee]xit(?:ed)?(?: with)?(?: (?:code|status))[ :=]{1,2}(?P<exit>[3-9]|[1-9]\d{1,2})\b"
    r"|(?P<errno>E[A-Z0-9]{3,15}))(?![\w-])"
)
_ERRNO_NAMES = frozenset(errno.errorcode.values()) | {"ENOTFOUND", "EAI_AGAIN", "ERESOLVE", "EINTEGRITY", "ELIFECYCLE"}
_NOT_CODES = re.compile(r"(?:UTF|ISO|RFC|SHA|MD|COVID|USB|PEP|AES|RSA|GPT|IEEE|TLS|HTTP|JDK|UTC|GMT)-?\d")
_STATUS = re.compile(r"[45]\d\d")


def error_codes(text: str) -> tuple[str, ...]:
    """The codes in `text` in their order, each once: E0432, HTTP 502, ORA-12541, ECONNREFUSED, exit code 137."""
    found: dict[str, None] = {}
    for match in _CODE.finditer(text):
        code = _normal(match)
        if code:
            found[code] = None
    return tuple(found)


def _normal(match: re.Match[str]) -> str:
    if match["bracketed"]:
        return match["bracketed"]
    if match["http"]:
        status = _STATUS.search(match["http"].rpartition("/")[2] if "/" not in match["http"] else match["http"][6:])
        return f"HTTP {status[0]}" if status else ""
    if match["exit"]:
        return f"exit code {match['exit']}"
    if match["numbered"]:
        return match["numbered"] if match["numbered"][0].isalpha() else f"error {match['numbered']}"
    if match["errno"]:
        return match["errno"] if match["errno"] in _ERRNO_NAMES else ""
    code = match["plain"] or match["lettered"] or ""
    return "" if _NOT_CODES.match(code) else code
