"""Websites that are broken, or mean harm."""

from __future__ import annotations

import gzip
import resource
import time
from fnmatch import fnmatch
from urllib.parse import urlsplit

import pytest

from app.fetching import FetchSettings, Origin
from app.fetching.page_urls import Scope, normalised, stored_path
from app.index.readers import SourceFile, UnreadableFile, read_sections, scan
from tests.fetching.conftest import Fetch
from tests.fetching.site import Site, html, linked

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.fixture
def origin(site: Site) -> Origin:
    """A start page that links to one more, `/docs/bad`, which a test writes."""
    site.page("/docs/", linked("bad", "good"))
    site.page("/docs/good", html("<p>Good.</p>"))
    return Origin("website", f"{site.url}/docs/")


def test_redirects_that_lead_nowhere_good_are_named(site: Site, origin: Origin, fetched: Fetch) -> None:
    site.page("/docs/", linked("loop", "off", "up", "long0", "moved"))
    site.redirect("/docs/loop", "/docs/pool")
    site.redirect("/docs/pool", "/docs/loop")
    site.redirect("/docs/off", f"http://localhost:{urlsplit(site.url).port}/docs/good")
    site.redirect("/docs/up", "/secret")
    site.page("/secret", html("<p>Secret.</p>"))
    for number in range(9):
        site.redirect(f"/docs/long{number}", f"/docs/long{number + 1}")
    site.redirect("/docs/moved", "good#here")
    done = fetched(origin)
    reasons = {one.path.removeprefix("docs/"): one.reason for one in done.failed}
    assert "loop: " in reasons["pool.html"]
    assert "/docs/loop -> " in reasons["pool.html"]
    assert "outside of" in reasons["off.html"]
    assert "outside of" in reasons["up.html"]
    assert "more than 5 times" in reasons["long5.html"]
    assert sorted(done.urls) == ["docs/good.html", "docs/index.html"]
    assert "/secret" not in site.paths


def test_a_start_page_that_leads_to_another_host_is_refused(site: Site, fetched: Fetch) -> None:
    site.redirect("/docs", "http://localhost:1/docs")
    with pytest.raises(Exception, match="another host: give that address"):
        fetched(Origin("website", f"{site.url}/docs"))
    site.redirect("/docs", "/docs/")
    site.page("/docs/", linked("good", "/other"))
    site.page("/docs/good", html("<p>Good.</p>"))
    assert sorted(fetched(Origin("website", f"{site.url}/docs")).urls) == ["docs/good.html", "docs/index.html"]


def test_bombs_and_oversized_pages_are_left_out_before_they_unfold(site: Site, origin: Origin, fetched: Fetch) -> None:
    site.page("/docs/", linked("bomb", "large", "fits", "odd"))
    site.page("/docs/bomb", gzip.compress(b"<p>" + b" " * 200_000_000, 9), Content_Encoding="gzip")
    site.page("/docs/large", b"x" * 1_000_001)
    site.page("/docs/fits", gzip.compress(html("<p>Fits.</p>").encode()), Content_Encoding="gzip")
    site.page("/docs/odd", b"????", Content_Encoding="br")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = fetched(origin, FetchSettings(requests_per_second=1000, max_page_bytes=1_000_000))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    reasons = {one.path: one.reason for one in done.failed}
    assert "larger than 1,000,000 bytes" in reasons["docs/bomb.html"]
    assert "larger than 1,000,000 bytes" in reasons["docs/large.html"]
    assert "encoding br" in reasons["docs/odd.html"]
    assert b"Fits." in (done.root / "docs/fits.html").read_bytes()
    assert grown < 60_000  # KiB


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((_HEAD + b"Content-Length: 5000\r\n\r\n<p>Half of", b" it"), "connection failed"),
        ((_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n<p>Ha\r\n",), "connection failed"),
        ((_HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"<p>x</p>" * 50)[:-12],), "end early"),
        ((_HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip at all",), "damaged"),
        ((b"",), "connection failed"),
        ((b"GARBAGE\r\n\r\n",), "connection failed"),
    ],
)
def test_a_page_that_is_cut_off_keeps_its_last_copy(
    site: Site, origin: Origin, fetched: Fetch, pieces: tuple[bytes, ...], said: str
) -> None:
    site.page("/docs/bad", html("<p>Whole.</p>"))
    fetched(origin)
    site.raw("/docs/bad", *pieces)
    done = fetched(origin)
    assert done.unreachable == {"docs/bad.html"}
    assert said in done.failed[0].reason
    assert done.changed == frozenset()
    assert b"Whole." in (done.root / "docs/bad.html").read_bytes()


def test_a_tag_with_thousands_of_attributes_is_left_out(site: Site, origin: Origin, fetched: Fetch) -> None:
    site.page("/docs/bad", "<body><p " + "".join(f"a{number}=1 " for number in range(200_000)) + ">x")
    started = time.monotonic()
    done = fetched(origin)
    assert time.monotonic() - started < 10
    assert [one.path for one in done.failed] == ["docs/bad.html"]
    assert "attributes" in done.failed[0].reason


@pytest.mark.parametrize("at", [0, 1])
def test_a_page_that_drips_is_given_up_in_time(site: Site, origin: Origin, fetched: Fetch, at: int) -> None:
    drips = [b"X-Drip: 1\r\n"] * 60 if at == 0 else [b"\r\n", *[b"x"] * 60]
    site.raw("/docs/bad", _HEAD, *drips, pause=0.1)
    started = time.monotonic()
    done = fetched(origin, FetchSettings(requests_per_second=1000, timeout_seconds=0.5))
    assert time.monotonic() - started < 3
    assert done.unreachable == {"docs/bad.html"}
    assert "within 0.5 seconds" in done.failed[0].reason


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><body><main><h1>Cut</h1><p>It ends in the mid", "text/html"),
        (b"<div>" * 20_000 + b"deep", "text/html"),
        (b"<main><p>NUL \0 inside.</p><script>while(1);</script></main>", "text/html"),
        ("<main><p>Grüße.</p></main>".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("<main><p>Grüße.</p></main>".encode("utf-16"), "text/html"),
        (b"<meta charset=utf-8><main><p>\xff\xfe\x00\x81 broken</p></main>", "text/html; charset=utf-8"),
        (b"<main><p>Odd.</p></main>", "text/html; charset=no-such-thing"),
        (b'<a href="http://[">x</a><a href="\0://">y</a><base href="http://[::"><p>Links.</p>', "text/html"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><main><p>&b; here</p></main>', "text/html"),
        (b"<![if]><!--><p <<<>>><table><p>Tables</table>", "text/html"),
        (b"<p>No kind.</p>", ""),
        (b"", "text/html"),
    ],
)
def test_hostile_pages_are_stored_and_do_no_harm(
    site: Site, origin: Origin, fetched: Fetch, body: bytes, kind: str
) -> None:
    site.page("/docs/bad", body, kind)
    done = fetched(origin)
    assert {"docs/good.html", "docs/bad.html"} < set(done.urls)
    read = {file.path: file for file in scan(done.root, 5_000_000)}
    bad = read["docs/bad.html"]
    if isinstance(bad, SourceFile):
        try:
            text = " ".join(one.text for one in read_sections(bad, ""))
        except UnreadableFile:
            text = ""
        assert "while(1)" not in text
        assert ("Grüße" in text) == (b"\xfc" in body)
    else:
        assert body == b""


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/", "index.html"),
        ("/a/b", "a/b.html"),
        ("/a/b.html", "a/b.html"),
        ("/a/b.php", "a/b.php.html"),
        ("/a/%C3%BCber", "a/über.html"),
        ("/a/b?v=2", "a/b-q*.html"),
    ],
)
def test_a_page_is_stored_under_its_path(url: str, path: str) -> None:
    found = stored_path("https://example.org" + url)
    assert fnmatch(found, path)


def test_no_address_leaves_the_folder_or_hides_a_page() -> None:
    base = "https://example.org/docs/"
    odd = ["..%2f..%2fetc", "%2e%2e/%2e%2e/x", ".git/config", "a%00b", "node_modules/x", "con:", "x" * 900, "a.html/b",
           "a//b", "%", "ü" * 300, "-rf", "~", "a\\..\\b", "\ud800"]  # fmt: skip
    addresses = [url for one in odd if (url := normalised(one, base)) is not None]
    assert len(addresses) >= 14
    paths = [stored_path(url) for url in addresses]
    assert len(set(paths)) == len(paths)
    for path in paths:
        parts = path.split("/")
        assert all(part and not part.startswith(".") and len(part.encode()) <= 255 for part in parts)
        assert not {"node_modules", "a.html"} & set(parts[:-1])


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("b?utm_source=x&v=1&fbclid=y#z", "https://example.org/docs/b?v=1"),
        ("HTTPS://EXAMPLE.org:443/docs/%7eb", "https://example.org/docs/~b"),
        ("http://example.org/docs/b", "https://example.org/docs/b"),
        ("/docs/../secret", None),
        ("https://example.org.evil.example/docs/", None),
        ("https://user@example.org/docs/", None),
        ("//example.org:8443/docs/", None),
        ("javascript:alert(1)", None),
        ("mailto:a@example.org", None),
        ("file:///etc/passwd", None),
    ],
)
def test_one_page_has_one_address(link: str, address: str | None) -> None:
    assert Scope.of("https://example.org/docs/start.html").address(link, "https://example.org/docs/") == address
