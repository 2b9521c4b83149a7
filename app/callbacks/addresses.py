"""Which addresses a callback may be sent to: public ones, and those the operator lists."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Written out, for `is_global` of ipaddress changed between patch releases of Python 3.11, and takes multicast and
# NAT64 for global. Source: the IANA special-purpose and multicast registries of both protocols, 2026-11.
_INSIDE_V4 = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_INSIDE_V6 = ("::1/128", "fc00::/7")
_NOT_PUBLIC_V4 = (
    "0.0.0.0/8",
    "169.254.0.0/16",  # link-local
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",  # 6to4 relays
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that IANA has given out; whatever is outside is local or reserved
_NOT_PUBLIC_V6 = (
    "2001::/23",  # Teredo, benchmarks, ORCHID
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

_INSIDE: tuple[Network, ...] = tuple(map(ip_network, _INSIDE_V4 + _INSIDE_V6))
_NOT_PUBLIC: tuple[Network, ...] = (*_INSIDE, *map(ip_network, _NOT_PUBLIC_V4 + _NOT_PUBLIC_V6))

# Where clouds hand credentials to whoever asks from inside. Some of them look public or merely private.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "169.254.169.254",  # most of them
            "169.254.170.2",  # tasks and pods on AWS
            "169.254.170.23",
            "192.0.0.192",  # Oracle
            "fd00:ec2::23",
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
        ),
    )
)


@dataclass(frozen=True, slots=True)
class AllowedTargets:
    """What the operator opens besides the public internet; made by `targets.parse_allowed`.

    names: hosts that may lie inside: on private, shared (CGNAT) or loopback addresses.
    networks: whatever their kind, so that link-local ones and the rest have to be listed as such.
    Cloud metadata addresses stay closed, listed or not.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def lists(self, host: str, address: Address) -> bool:
        """Whether the operator opened this address, or this name with this address."""
        meant = _meant(address)
        if any(one in network for network in self.networks for one in (address, meant)):
            return True
        return host in self.names and (is_public(address) or any(meant in network for network in _INSIDE))

    def admits(self, host: str, address: Address, *, encrypted: bool) -> bool:
        """Whether a callback to `host` may go to `address`. Unencrypted ones go to listed targets alone."""
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False  # a zone, which only this machine understands
        if address in _METADATA or _meant(address) in _METADATA:
            return False
        return self.lists(host, address) or (encrypted and is_public(address))


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet's, told by the one it stands for where it embeds another.

    IPv4-mapped and NAT64 addresses count as the IPv4 address in them. 6to4, Teredo and IPv4-compatible ones are
    never public: nobody serves from them, and they reach what their IPv4 part names.
    """
    meant = _meant(address)
    if isinstance(meant, IPv6Address) and meant not in _GLOBAL_V6:
        return False
    return not any(meant in network for network in _NOT_PUBLIC)


def unmapped(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped one (::ffff:0:0/96) is another spelling of; others as they are."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _meant(address: Address) -> Address:
    address = unmapped(address)
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address
