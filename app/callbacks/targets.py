"""The URL of a callback: what may be written, and the addresses it leads to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import httpx

from app.callbacks.addresses import Address, AllowedTargets, Network, unmapped
from app.errors import ConfigurationError, InvalidInput

# All addresses of a host name as text. Raises OSError where it has none.
Resolver = Callable[[str], Awaitable[Sequence[str]]]

_URL_CHARS = 2000
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024  # below it live mail, SSH and the like, which a POST should not reach


class CallbackRefused(InvalidInput):
    """A URL that callbacks are not sent to. The text names no address: it would tell what lies inside."""

    kind = "callback-refused"
    title = "No callbacks to this URL"


class HostUnresolved(InvalidInput):
    kind = "callback-host-unresolved"
    title = "The callback's host is not known"


@dataclass(frozen=True, slots=True)
class Target:
    """host: in its ASCII form, lower case; an IPv6 address without brackets. address: of a literal host."""

    host: str
    address: Address | None
    encrypted: bool


def parse_url(text: str, allowed: AllowedTargets) -> httpx.URL:
    """The URL of a callback as it is stored and called. No name is resolved.

    Raises CallbackRefused: other than http or https, a login, an odd port, a host that is none, an address that is
    not allowed, or a spelling that programs read in different ways (backslashes, control characters).
    """
    if len(text) > _URL_CHARS:
        raise CallbackRefused(f"the callback URL has more than {_URL_CHARS} characters")
    if not text.isprintable() or " " in text or "\\" in text:
        raise CallbackRefused("the callback URL holds spaces, backslashes or control characters")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise CallbackRefused(f"the callback URL cannot be read: {error}") from error
    parse_target(url, allowed)
    return url


def parse_target(url: httpx.URL, allowed: AllowedTargets) -> Target:
    """Where a URL leads, before names are resolved. Raises CallbackRefused."""
    if url.scheme not in _PORTS:
        raise CallbackRefused("a callback URL begins with https://, or with http:// for hosts that are allowed")
    if url.userinfo:
        raise CallbackRefused("a callback URL holds no login: the signature tells who sends")
    port = _PORTS[url.scheme] if url.port is None else url.port
    if port not in _PORTS.values() and not _FIRST_FREE_PORT <= port <= 65535:
        raise CallbackRefused(f"callbacks go to the ports 80, 443 and from {_FIRST_FREE_PORT} on")
    host = url.raw_host.decode("ascii")
    target = Target(host, _literal(host), url.scheme == "https")
    if target.address is not None:
        _check(target, [target.address], allowed)
    return target


async def addresses_of(target: Target, allowed: AllowedTargets, resolve: Resolver) -> list[Address]:
    """The addresses of a target, resolved once, in the resolver's order; each of them is allowed.

    Raises HostUnresolved, and CallbackRefused where one of them is not allowed, though others be: a name with a
    public and a private address is an attack or a mistake.
    """
    if target.address is not None:
        return [target.address]
    try:
        answers = await resolve(target.host)
        addresses = list(dict.fromkeys(unmapped(ip_address(answer)) for answer in answers))
    except (OSError, ValueError) as error:  # UnicodeError, of names that DNS cannot hold, is a ValueError
        raise HostUnresolved(f"{target.host} cannot be resolved") from error
    if not addresses:
        raise HostUnresolved(f"{target.host} has no address")
    _check(target, addresses, allowed)
    return addresses


def parse_allowed(text: str) -> AllowedTargets:
    """Hosts and networks of a setting such as `helpdesk.internal 10.2.0.0/16`. Raises ConfigurationError."""
    names: set[str] = set()
    networks: list[Network] = []
    for part in text.replace(",", " ").split():
        try:
            networks.append(ip_network(part))
        except ValueError:
            names.add(_listed_name(part))
    return AllowedTargets(frozenset(names), tuple(networks))


def _check(target: Target, addresses: Sequence[Address], allowed: AllowedTargets) -> None:
    if not all(allowed.admits(target.host, address, encrypted=target.encrypted) for address in addresses):
        if not target.encrypted:
            raise CallbackRefused(f"callbacks to {target.host} have to be sent over https: it is not among the allowed")
        raise CallbackRefused(f"callbacks to {target.host} are refused: it is not public, nor among the allowed")


def _literal(host: str) -> Address | None:
    """The address a host is written as, None for a name. Raises CallbackRefused for what is neither.

    A name whose last label begins with a digit is none: no top-level domain does, and what resolvers make of
    `127.1`, `0x7f.1` or `2130706433` is an address.
    """
    try:
        return unmapped(ip_address(host))
    except ValueError:
        if _NAME.fullmatch(host) and not host.rpartition(".")[2][0].isdigit():
            return None
    raise CallbackRefused(f"{host!r} is no host: write a full name without a dot at its end, or an address")


def _listed_name(part: str) -> str:
    try:
        name = httpx.URL(f"https://{part}").raw_host.decode("ascii")
        if name and not any(char in part for char in "/:@?#") and _literal(name) is None:
            return name
    except (httpx.InvalidURL, CallbackRefused):
        pass
    raise ConfigurationError(
        f"{part!r} is neither a host nor a network: hosts that callbacks may reach are written as helpdesk.internal, "
        "networks as 10.2.0.0/16"
    )
