"""Which addresses are mail addresses, and which are nobody's."""

from __future__ import annotations

import hashlib
import re

# The dot-atoms of RFC 5322 in ASCII, which is what SMTP without SMTPUTF8 can carry; no quoted local parts.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})*")
_ADDRESS_CHARS = 254  # RFC 5321, erratum 1690
_LOCAL_CHARS = 64
_NOBODY = re.compile(r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)(?:[+=-].*)?", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether mail can be sent to `text`, which holds nothing that could end a header or name a second address."""
    return (
        len(text) <= _ADDRESS_CHARS
        and _ADDRESS.fullmatch(text) is not None
        and len(text.partition("@")[0]) <= _LOCAL_CHARS
    )


def is_nobody(address: str) -> bool:
    """Whether the address says itself that nobody reads it."""
    return _NOBODY.fullmatch(address.partition("@")[0]) is not None


def same(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def requester_of(address: str) -> str:
    """A short name for an address that is the same each time and does not show it."""
    return hashlib.sha256(address.lower().encode()).hexdigest()[:16]


def domain_of(address: str) -> str:
    """The part behind the @; `localhost` for an address without one."""
    return address.rpartition("@")[2].lower() if is_address(address) else "localhost"
