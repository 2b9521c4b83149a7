from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from socket import inet_aton

import httpx
import pytest

from app.callbacks.addresses import AllowedTargets, is_public
from app.callbacks.targets import CallbackRefused, HostUnresolved, addresses_of, parse_allowed, parse_target, parse_url
from app.errors import ConfigurationError
from tests.callbacks.names import Names

NOTHING = AllowedTargets()
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.5"

ACCEPTED = {
    "https://hooks.example": "hooks.example",
    "https://HOOKS.Example:8443/docent?team=1": "hooks.example",
    "https://bücher.example/haken": "xn--bcher-kva.example",
    "https://a_b.hooks.example/": "a_b.hooks.example",
    "https://redis/": "redis",  # its address decides
    "https://93.184.216.34/": "93.184.216.34",
    "https://[2606:4700::1111]:8443/": "2606:4700::1111",
}

REFUSED = [
    "",
    "hooks.example",
    "//hooks.example/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://hooks.example/",
    "https:hooks.example",
    "https:/hooks.example/",
    "https:///hooks.example",
    "https://",
    "https://user:password@hooks.example/",
    "https://hooks.example@10.0.0.1/",
    "https://10.0.0.1\\@hooks.example/",
    "https://hooks.example\\.evil.example/",
    "https://hooks.example/\r\nX-Injected: 1",
    "https://hooks.example/a b",
    "https://hooks.example/a\\b",
    "https://hooks.example/\u202e",
    "https://hooks.example:22/",
    "https://hooks.example:0/",
    "https://hooks.example:70000/",
    "https://hooks.example:port/",
    "https://hooks.example./",
    "https://localhost./",
    "https://hooks..example/",
    "https://.example/",
    "https://-hooks.example/",
    "https://hooks%2eexample/",
    "https://%31%30.0.0.1/",
    "https://hooks.example%00.evil.example/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 130 + "example/",
    "https://hooks.example/" + "a" * 2000,
    # IPv4 in the spellings that inet_aton takes
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0X7F.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.1./",
    "https://127.0.0.01/",
    "https://127.0.0.256/",
    "https://1.2.3.4.5/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",  # full-width digits
    # addresses that are not public
    "https://127.0.0.1/",
    "https://10.0.0.5:8080/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[2606:4700::1111%25eth0]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[::1",
    "https://[v1.a]/",
]


@pytest.mark.parametrize(("text", "host"), ACCEPTED.items())
def test_urls_of_callbacks(text: str, host: str) -> None:
    url = parse_url(text, NOTHING)
    assert parse_target(url, NOTHING).host == host


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_as_it_is_written(text: str) -> None:
    """With http hosts allowed, so that it is not the scheme alone that refuses."""
    with pytest.raises(CallbackRefused):
        parse_url(text, parse_allowed("hooks.example"))


def test_the_url_is_read_by_the_library_that_calls_it() -> None:
    """Ideographic full stops are dots to IDNA, and the address they make is seen as one."""
    assert httpx.URL("https://127。0。0。1/").raw_host == b"127.0.0.1"


def test_whatever_is_written_is_read_or_refused() -> None:
    """Pieces that parsers stumble over, put together at random: no other error, and no way inside."""
    pieces = ["https://", "http://", "//", "@", ":", "/", "\\", "#", "?", "[", "]", "%", "%25", "%00", ".", "-", "。"]
    pieces += ["127", "0x7f", "1", "0", "::", "ffff", "fe80", "example", "xn--", "ü", "ß", "\u200d", "\u0660", "\ud800"]
    chance = random.Random(4)  # noqa: S311
    for _ in range(5_000):
        text = "https://" + "".join(chance.choices(pieces, k=chance.randint(1, 9)))
        try:
            target = parse_target(parse_url(text, NOTHING), NOTHING)
        except CallbackRefused:
            continue
        if target.address is not None:
            assert is_public(target.address), text
        else:
            with pytest.raises(OSError, match="illegal IP address"):
                inet_aton(target.host)


async def test_plain_http_is_for_what_is_listed() -> None:
    url = "http://hooks.example/"
    unlisted, named, network = NOTHING, parse_allowed("hooks.example"), parse_allowed("10.0.0.0/24")
    for allowed, address, wanted in [
        (unlisted, PUBLIC, False),
        (named, PUBLIC, True),
        (named, PRIVATE, True),
        (network, PRIVATE, True),
        (network, PUBLIC, False),
    ]:
        target = parse_target(parse_url(url, allowed), allowed)
        if wanted:
            assert await addresses_of(target, allowed, Names([address])) == [ip_address(address)]
        else:
            with pytest.raises(CallbackRefused, match="https"):
                await addresses_of(target, allowed, Names([address]))


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    target = parse_target(httpx.URL("https://hooks.example/"), NOTHING)
    assert await addresses_of(target, NOTHING, Names([PUBLIC, "1.1.1.1", f"::ffff:{PUBLIC}"])) == [
        ip_address(PUBLIC),
        ip_address("1.1.1.1"),
    ]
    for mixed in ([PUBLIC, PRIVATE], ["::1", PUBLIC], [PUBLIC, "fe80::1%eth0"], [PUBLIC, "::ffff:10.0.0.5"]):
        with pytest.raises(CallbackRefused) as refused:
            await addresses_of(target, NOTHING, Names(mixed))
        assert not any(address in str(refused.value) for address in mixed), "the answer would map the inside"


@pytest.mark.parametrize("names", [Names(), Names([]), Names(["not an address"])])
async def test_a_name_without_an_address(names: Names) -> None:
    target = parse_target(httpx.URL("https://hooks.example/"), NOTHING)
    with pytest.raises(HostUnresolved, match=r"hooks\.example"):
        await addresses_of(target, NOTHING, names)


async def test_a_literal_address_is_not_asked_for() -> None:
    names = Names([PRIVATE])
    target = parse_target(httpx.URL(f"https://{PUBLIC}/"), NOTHING)
    assert await addresses_of(target, NOTHING, names) == [ip_address(PUBLIC)]
    assert names.asked == []


def test_the_list_of_allowed_targets() -> None:
    allowed = parse_allowed("HelpDesk.internal, 10.2.0.0/16 192.168.1.7 ::1 bücher.example")
    assert allowed.names == {"helpdesk.internal", "xn--bcher-kva.example"}
    assert set(allowed.networks) == set(map(ip_network, ["10.2.0.0/16", "192.168.1.7/32", "::1/128"]))
    assert parse_allowed(" ") == NOTHING


@pytest.mark.parametrize("text", ["https://hooks.example", "hooks.example:8080", "10.2.0.1/16", "*.internal", "127.1"])
def test_a_wrong_entry_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_allowed(f"helpdesk.internal {text}")
    assert repr(text) in str(error.value)
