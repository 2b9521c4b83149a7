from __future__ import annotations

from ipaddress import ip_address

import pytest

from app.callbacks.addresses import AllowedTargets, is_public
from app.callbacks.targets import parse_allowed

NOTHING = AllowedTargets()

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",  # just outside 172.16.0.0/12
    "100.128.0.1",  # just outside 100.64.0.0/10
    "2606:4700::1111",
    "::ffff:93.184.216.34",
    "64:ff9b::5db8:d822",  # NAT64 of 93.184.216.34
]

NOT_PUBLIC = {
    "unspecified": "0.0.0.0",  # noqa: S104
    "this network": "0.1.2.3",
    "loopback": "127.0.0.1",
    "another loopback": "127.255.255.254",
    "private A": "10.0.0.1",
    "private B": "172.31.255.255",
    "private C": "192.168.1.1",
    "CGNAT": "100.64.0.1",
    "link-local": "169.254.1.1",
    "protocol assignments": "192.0.0.10",
    "documentation": "203.0.113.9",
    "benchmarks": "198.19.0.1",
    "6to4 relay": "192.88.99.1",
    "multicast": "224.0.0.1",
    "source-specific multicast": "232.1.1.1",
    "reserved": "250.1.2.3",
    "broadcast": "255.255.255.255",
    "v6 unspecified": "::",
    "v6 loopback": "::1",
    "v6 link-local": "fe80::1",
    "v6 site-local": "fec0::1",
    "v6 unique local": "fd12:3456::1",
    "v6 multicast": "ff02::1",
    "v6 global multicast": "ff0e::1",
    "v6 documentation": "2001:db8::1",
    "v6 newer documentation": "3fff::1",
    "v6 discard": "100::1",
    "v6 segment routing": "5f00::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "compatible": "::127.0.0.1",
    "compatible public": "::93.184.216.34",
    "translated": "::ffff:0:7f00:1",  # RFC 2765
    "NAT64 loopback": "64:ff9b::7f00:1",
    "NAT64 private": "64:ff9b::a00:1",
    "NAT64 of a site": "64:ff9b:1::5db8:d822",
    "6to4 private": "2002:a00:1::1",
    "6to4 public": "2002:5db8:d822::1",
    "Teredo": "2001:0:5db8:d822::1",
}

METADATA = ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_admitted_over_https_alone(text: str) -> None:
    assert is_public(ip_address(text))
    assert NOTHING.admits("hooks.example", ip_address(text), encrypted=True)
    assert not NOTHING.admits("hooks.example", ip_address(text), encrypted=False)


@pytest.mark.parametrize("text", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_others_are_not(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not NOTHING.admits("hooks.example", ip_address(text), encrypted=True)


@pytest.mark.parametrize("text", ["10.2.3.4", "::ffff:10.2.3.4", "64:ff9b::a02:304"])
def test_a_listed_network_is_admitted_in_each_spelling(text: str) -> None:
    allowed = parse_allowed("10.2.0.0/16")
    assert allowed.admits("hooks.example", ip_address(text), encrypted=False)
    assert not allowed.admits("hooks.example", ip_address("10.3.0.1"), encrypted=True)


@pytest.mark.parametrize("text", ["10.0.0.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1", "93.184.216.34"])
def test_a_listed_name_may_lie_inside(text: str) -> None:
    allowed = parse_allowed("helpdesk.internal")
    assert allowed.admits("helpdesk.internal", ip_address(text), encrypted=False)
    assert not allowed.admits("other.internal", ip_address(text), encrypted=False)


@pytest.mark.parametrize("text", ["169.254.1.1", "fe80::1", "224.0.0.1", "0.0.0.0", "::"])  # noqa: S104
def test_a_listed_name_opens_nothing_stranger(text: str) -> None:
    allowed = parse_allowed("helpdesk.internal")
    assert not allowed.admits("helpdesk.internal", ip_address(text), encrypted=True)


@pytest.mark.parametrize("text", METADATA)
def test_metadata_stays_closed_whatever_is_listed(text: str) -> None:
    allowed = parse_allowed(f"helpdesk.internal 0.0.0.0/0 ::/0 {text}")
    assert not allowed.admits("helpdesk.internal", ip_address(text), encrypted=True)


def test_a_zone_is_never_admitted() -> None:
    allowed = parse_allowed("::/0")
    assert allowed.admits("hooks.example", ip_address("fe80::1"), encrypted=True)
    assert not allowed.admits("hooks.example", ip_address("fe80::1%eth0"), encrypted=True)
