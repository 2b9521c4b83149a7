"""Origins, as browsers send them and as people write them."""

from __future__ import annotations

import pytest

from app.auth.origins import is_own_origin, parse_origin
from app.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://docs.example.org", "https://docs.example.org"),
        (" HTTPS://Docs.Example.ORG/ ", "https://docs.example.org"),
        ("https://docs.example.org:443", "https://docs.example.org"),
        ("http://docs.example.org:80/", "http://docs.example.org"),
        ("https://docs.example.org:80", "https://docs.example.org:80"),
        ("http://docs.example.org:443", "http://docs.example.org:443"),
        ("http://docs.example.org:08080", "http://docs.example.org:8080"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example:8443", "https://xn--bcher-kva.example:8443"),
        ("https://例え.テスト", "https://xn--r8jz45g.xn--zckzah"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]", "http://[::1]"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://[2001:DB8:0:0:0:0:0:1]:8000", "http://[2001:db8::1]:8000"),
        ("https://my_docs.example.org", "https://my_docs.example.org"),
    ],
)
def test_written_as_browsers_send_them(written: str, sent: str) -> None:
    assert parse_origin(written) == sent
    assert parse_origin(sent) == sent


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "null",
        "*",
        "docs.example.org",
        "//docs.example.org",
        "https://",
        "https:///docs",
        "https://:443",
        "https://*",
        "https://*.example.org",
        "https://docs.example.org/path",
        "https://docs.example.org//path",
        "https://docs.example.org?query",
        "https://docs.example.org#fragment",
        "https://someone@docs.example.org",
        "https://someone:password@docs.example.org",
        "https://docs.example.org:port",
        "https://docs.example.org:99999",
        "https://docs.example.org:-1",
        "https://docs example.org",
        "https://a.example,https://b.example",
        "https://a.example;b",
        "https://a.example\\b",
        "https://a.example\nb",
        "https://a.exa\tmple",
        "https://%64ocs.example.org",
        "https://docs..example.org",
        "https://" + "a" * 64 + ".example.org",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[example]",
        "https://\ud800.example",
        "ftp://docs.example.org",
        "file:///docs",
        "javascript:alert(1)",
        "chrome-extension://abcdef",
    ],
)
def test_what_is_no_origin(written: str) -> None:
    with pytest.raises(InvalidInput, match=r"https://docs\.example\.org") as refused:
        parse_origin(written)
    assert "\n" not in refused.value.detail


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://docent.example.com", "Docent.Example.com", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8001", False),
        ("http://127.0.0.1:8000", "localhost:8000", False),
        ("https://docent.example.com.evil.example", "docent.example.com", False),
        ("https://docent.example.com@evil.example", "docent.example.com", False),
        ("ftp://docent.example.com", "docent.example.com", False),
        ("null", "null", False),
        ("https://", "", False),
        ("", "", False),
    ],
)
def test_the_services_own_origin(origin: str, host: str, own: bool) -> None:
    assert is_own_origin(origin, host) is own
