"""Origins of pages (RFC 6454): as browsers send them, and as people write them."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.errors import InvalidInput

_DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_origin(text: str) -> str:
    """The origin of `text` in the form that browsers send: lower case, host in its ASCII form, no default port.

    Raises InvalidInput when it is none, or more than one: a path, a query, a login or a wildcard.
    """
    advice = f"{text!r} is no origin: write scheme and host as in https://docs.example.org, without a path"
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise InvalidInput(advice) from error
    if parts.scheme not in _DEFAULT_PORTS or not host or "*" in host or not host.isprintable() or " " in host:
        raise InvalidInput(advice)
    if parts.path.rstrip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInput(advice)
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}")


def is_own_origin(origin: str, host_header: str) -> bool:
    """Whether a page of `origin` came from the service itself, that is from the host that it sends its request to."""
    scheme, separator, authority = origin.partition("://")
    return bool(separator) and scheme in _DEFAULT_PORTS and authority == host_header.lower()
