"""Origins of pages (RFC 6454): as browsers send them, and as people write them."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from app.errors import InvalidInput

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[a-z0-9._-]+")


def parse_origin(text: str) -> str:
    """The origin of `text` in the form that browsers send: lower case, host in its ASCII form, no default port.

    Raises InvalidInput when it is none, or more than one: a path, a query, a login or a wildcard.
    """
    advice = f"{text!r} is no origin: write scheme and host as in https://docs.example.org, without a path"
    text = text.strip()
    try:
        parts = urlsplit(text)
        port, host = parts.port, _host(parts.hostname or "")
    except ValueError as error:
        raise InvalidInput(advice) from error
    if parts.scheme not in _DEFAULT_PORTS or not host or not text.isprintable():
        raise InvalidInput(advice)
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInput(advice)
    return f"{parts.scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}")


def _host(name: str) -> str:
    """A host as it stands in an origin, '' for what is none. Raises ValueError."""
    if ":" in name:
        return f"[{IPv6Address(name)}]" if "%" not in name else ""
    name = name.encode("idna").decode()
    return name if _HOST_NAME.fullmatch(name) else ""


def is_own_origin(origin: str, host_header: str) -> bool:
    """Whether a page of `origin` came from the service itself, that is from the host that it sends its request to."""
    scheme, separator, authority = origin.partition("://")
    return bool(separator and authority) and scheme in _DEFAULT_PORTS and authority == host_header.lower()
