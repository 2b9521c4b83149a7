from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest

from app.errors import InvalidInput
from app.fetching import FetchFailed, FetchSettings, Origin, fetch, probe
from app.fetching.pace import Pace
from app.index.readers import SourceFile, read_sections, scan
from tests.fetching.conftest import Fetch, silent
from tests.fetching.site import Site, html, linked


def crawl(site: Site, **more: tuple[str, ...]) -> Origin:
    return Origin("website", f"{site.url}/docs/", **more)


def test_a_crawl_stays_within_the_start_pages_folder(site: Site, fetched: Fetch) -> None:
    site.page(
        "/docs/", linked("guide/", "a.html#part", "a.html?utm_source=mail", "/other/", "https://example.org/docs/x")
    )
    site.page("/docs/guide/", linked("../a.html", "deep/page"))
    site.page("/docs/guide/deep/page", html("<h1>Deep</h1><p>Down here.</p>"))
    site.page("/docs/a.html", html("<h1>A</h1><p>One.</p>"))

    done = fetched(crawl(site))

    assert dict(done.urls) == {
        "docs/index.html": f"{site.url}/docs/",
        "docs/guide/index.html": f"{site.url}/docs/guide/",
        "docs/a.html": f"{site.url}/docs/a.html",
        "docs/guide/deep/page.html": f"{site.url}/docs/guide/deep/page",
    }
    assert sorted(done.urls) == sorted(str(path.relative_to(done.root)) for path in done.root.rglob("*.html"))
    assert (done.failed, done.changed) == ((), None)
    assert site.paths.count("/docs/a.html") == 1


def test_a_second_fetch_asks_for_changes_only_and_names_them(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("a", "b", "c"))
    for name in "abc":
        site.page(f"/docs/{name}", html(f"<h1>{name}</h1><p>First.</p>"))
    first = fetched(crawl(site))
    assert fetched(crawl(site)).changed == frozenset()
    kept = (first.root / "docs/a.html").read_bytes()
    site.page("/docs/b", html("<h1>b</h1><p>Second.</p>"))
    del site.pages["/docs/c"]
    site.page("/docs/a", html("<p>unused</p>"))
    site.raw("/docs/a", b"HTTP/1.0 304 Not Modified\r\n\r\n")

    second = fetched(crawl(site))

    assert second.changed == {"docs/b.html", "docs/c.html"}
    assert sorted(second.urls) == ["docs/a.html", "docs/b.html", "docs/index.html"]
    assert (second.root / "docs/a.html").read_bytes() == kept
    assert [one.path for one in second.failed] == ["docs/c.html"]
    assert "404" in second.failed[0].reason
    assert second.unreachable == frozenset()


def test_changes_are_counted_from_the_state_that_is_handed_in(site: Site, tmp_path: Path, quick: FetchSettings) -> None:
    site.page("/docs/", html("<p>First.</p>"))
    first = fetch(crawl(site), tmp_path, {}, quick, silent)
    site.page("/docs/", html("<p>Second.</p>"))
    fetch(crawl(site), tmp_path, first.state, quick, silent)  # and the index with it does not come to serve
    again = fetch(crawl(site), tmp_path, first.state, quick, silent)
    assert again.changed == {"docs/index.html"}
    site.page("/docs/", html("<p>First.</p>"))
    back = fetch(crawl(site), tmp_path, first.state, quick, silent)
    assert back.changed == frozenset()
    assert b"First." in (back.root / "docs/index.html").read_bytes()


def test_a_page_that_fails_keeps_its_last_copy_and_its_links(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("a"))
    site.page("/docs/a", linked("b"))
    site.page("/docs/b", html("<p>Behind a.</p>"))
    fetched(crawl(site))
    site.fails("/docs/a", 500)

    done = fetched(crawl(site))

    assert done.unreachable == {"docs/a.html"}
    assert done.changed == frozenset()
    assert sorted(done.urls) == ["docs/a.html", "docs/b.html", "docs/index.html"]
    assert [(one.path, "500" in one.reason) for one in done.failed] == [("docs/a.html", True)]


def test_pages_behind_a_failing_redirect_are_kept(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("old"))
    site.redirect("/docs/old", "/docs/new")
    site.page("/docs/new", html("<p>Moved here.</p>"))
    assert sorted(fetched(crawl(site)).urls) == ["docs/index.html", "docs/new.html"]
    site.fails("/docs/old", 503)
    assert fetched(crawl(site)).changed == frozenset()


def test_a_sitemap_lists_the_pages(site: Site, fetched: Fetch) -> None:
    site.sitemap("/sitemap.xml", "/part.xml", "/gone.xml", within="sitemapindex")
    site.sitemap("/part.xml", "/a", "/b/", "/missing")
    site.page("/a", linked("/unlisted"))
    site.page("/b/", html("<p>B</p>"))
    site.page("/unlisted", html("<p>Not in the sitemap.</p>"))

    done = fetched(Origin("website", f"{site.url}/sitemap.xml"))

    assert sorted(done.urls) == ["a.html", "b/index.html"]
    assert {one.path for one in done.failed} == {"/gone.xml", "missing.html"}


def test_a_sitemap_may_be_a_gzip_file(site: Site, fetched: Fetch) -> None:
    text = f"<urlset><url><loc>{site.url}/a</loc></url><url><loc>https://example.org/b</loc></url></urlset>"
    site.page("/sitemap.xml.gz", gzip.compress(text.encode()), "application/gzip")
    site.page("/a", html("<p>A</p>"))
    done = fetched(Origin("website", f"{site.url}/sitemap.xml.gz"))
    assert sorted(done.urls) == ["a.html"]
    assert "example.org" in done.failed[0].reason


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
            "document type",
        ),
        (b"<urlset><url><loc>http://127.0.0.1/a</loc>", "no sitemap"),
        (b"<!doctype html><title>Not here</title>", "no sitemap"),
        (b"<rss></rss>", "<rss>"),
        (b"<urlset></urlset>", "lists no pages"),
        (b"", "no sitemap"),
        (gzip.compress(b" " * 60_000_000), "larger than"),
    ],
)
def test_a_damaged_sitemap_changes_nothing(site: Site, fetched: Fetch, body: bytes, said: str) -> None:
    site.sitemap("/sitemap.xml", "/a")
    site.page("/a", html("<p>A</p>"))
    origin = Origin("website", f"{site.url}/sitemap.xml")
    root = fetched(origin).root
    site.page("/sitemap.xml", body, "application/xml")
    with pytest.raises(FetchFailed, match=said):
        fetched(origin)
    assert (root / "a.html").exists()
    site.sitemap("/sitemap.xml", "/a")
    assert fetched(origin).changed == frozenset()


def test_robots_txt_is_kept_to(site: Site, fetched: Fetch) -> None:
    site.page(
        "/robots.txt", "User-agent: docent\nDisallow: /docs/private/\n\nUser-agent: *\nDisallow: /\n", "text/plain"
    )
    site.page("/docs/", linked("private/a", "b"))
    site.page("/docs/b", html("<p>B</p>"))
    site.page("/docs/private/a", html("<p>Private</p>"))
    done = fetched(crawl(site))
    assert sorted(done.urls) == ["docs/b.html", "docs/index.html"]
    assert "/docs/private/a" not in site.paths
    assert "robots.txt" in done.failed[0].reason
    assert {headers["User-Agent"] for _, _, headers in site.asked} == {"Docent"}


def test_robots_txt_that_forbids_all_or_fails_stops_the_fetch(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", html("<p>A</p>"))
    site.page("/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
    with pytest.raises(FetchFailed, match="forbids"):
        fetched(crawl(site))
    site.fails("/robots.txt", 503)
    with pytest.raises(FetchFailed, match=r"robots.txt is not to be had"):
        fetched(crawl(site))
    site.page("/robots.txt", "User-agent: *\nCrawl-delay: 3600\n", "text/plain")
    with pytest.raises(FetchFailed, match="3600 seconds"):
        fetched(crawl(site))
    assert site.paths == []


def test_a_start_page_that_fails_stops_the_fetch(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("a"))
    site.page("/docs/a", html("<p>A</p>"))
    root = fetched(crawl(site)).root
    for status in (404, 500):
        site.fails("/docs/", status)
        with pytest.raises(FetchFailed, match=str(status)):
            fetched(crawl(site))
    assert (root / "docs/a.html").exists()


def test_a_site_that_goes_down_stops_the_fetch(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked(*(str(number) for number in range(40))))
    for number in range(40):
        site.fails(f"/docs/{number}", 502)
    with pytest.raises(FetchFailed, match="does not answer any more"):
        fetched(crawl(site))
    assert len(site.paths) < 15


def test_requests_are_paced(site: Site, fetched: Fetch) -> None:
    site.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.15\n", "text/plain")
    site.page("/docs/", linked("a", "b"))
    site.page("/docs/a", html("<p>A</p>"))
    site.page("/docs/b", html("<p>B</p>"))
    fetched(crawl(site))
    times = [at for path, at, _ in site.asked if path != "/robots.txt"]
    assert len(times) == 3
    assert all(later - earlier > 0.12 for earlier, later in itertools.pairwise(times))


def test_pace_counts_from_the_last_start() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(2.0, lambda: now[0], sleep)
    pace.wait()
    now[0] += 0.5
    pace.wait()
    now[0] += 5.0
    pace.wait()
    assert slept == [1.5]


def test_directives_of_a_page_are_kept_to(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("hidden", "end", "moved", "copy", "byheader"))
    site.page("/docs/hidden", html('<a href="behind">x</a>', head='<meta name="robots" content="noindex">'))
    site.page("/docs/behind", html("<p>Behind a page that is not kept.</p>"))
    site.page("/docs/end", html('<a href="never">x</a>', head='<meta name="ROBOTS" content="NoFollow">'))
    site.page("/docs/never", html("<p>Never.</p>"))
    site.page("/docs/moved", html("", head='<meta http-equiv="refresh" content="0; url=target">'))
    site.page("/docs/target", html('<p>T</p><a rel="nofollow" href="never">x</a>'))
    site.page("/docs/copy", html("<p>Same as T.</p>", head='<link rel="canonical" href="/docs/target">'))
    site.page("/docs/byheader", html("<p>N</p>"), X_Robots_Tag="otherbot: nofollow, docent: noindex")
    for _ in range(2):
        done = fetched(crawl(site))
        assert sorted(done.urls) == ["docs/behind.html", "docs/end.html", "docs/index.html", "docs/target.html"]
    assert "/docs/never" not in site.paths


def test_patterns_say_what_is_asked_for(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("guides/a", "guides/old/b", "blog/c"))
    for path in ("guides/a", "guides/old/b", "blog/c"):
        site.page(f"/docs/{path}", html(f"<p>{path}</p>"))
    done = fetched(crawl(site, include=("/docs/guides/",), exclude=("old/",)))
    assert list(done.urls) == ["docs/guides/a.html"]
    assert site.paths == ["/docs/", "/docs/guides/a"]
    with pytest.raises(InvalidInput):
        fetched(crawl(site, include=("!",)))


def test_limits_are_named_when_they_are_hit(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("a", "b", "c", "big"))
    for name in "abc":
        site.page(f"/docs/{name}", html("x" * 600))
    few = FetchSettings(requests_per_second=1000, max_pages=2)
    done = fetched(crawl(site), few)
    assert len(done.urls) == 2
    assert "DOCENT_FETCHING__MAX_PAGES" in done.failed[-1].reason
    small = FetchSettings(requests_per_second=1000, max_total_bytes=1200)
    done = fetched(crawl(site), small)
    assert len(done.urls) == 3
    assert "DOCENT_FETCHING__MAX_TOTAL_BYTES" in done.failed[-1].reason


def test_plain_text_and_markdown_are_pages_and_nothing_else_is(site: Site, fetched: Fetch) -> None:
    site.page("/docs/", linked("a.md", "llms.txt", "notes", "picture.png", "data.json"))
    site.page("/docs/a.md", "# A\n\nText.\n", "text/markdown")
    site.page("/docs/llms.txt", "Plain text.", "text/plain")
    site.page("/docs/notes", "More text.", "text/plain; charset=utf-8")
    site.page("/docs/picture.png", b"\x89PNG", "image/png")
    site.page("/docs/data.json", "{}", "application/json")
    for _ in range(2):
        done = fetched(crawl(site))
        assert sorted(done.urls) == ["docs/a.md", "docs/index.html", "docs/llms.txt", "docs/notes.txt"]
        assert sorted(one.path for one in done.failed) == ["docs/data.json.html", "docs/picture.png.html"]


def test_what_is_stored_is_read(site: Site, fetched: Fetch) -> None:
    menu = "".join(f'<li><a href="/docs/{n}">Chapter {n}</a></li>' for n in range(20))
    parts = "".join(
        f'<h2 id="part-{n}">Part {n}</h2><p>To boil water for pot number {n}, fill it, close its lid and wait.</p>'
        f"<pre><code>boil --pot {n}</code></pre>"
        for n in range(6)
    )
    site.page(
        "/docs/",
        f"<html><title>Pots - Site</title><body><div><ul>{menu}</ul></div><div class=c><div><h1>Pots"
        f"</h1>{parts}</div></div><div>Copyright, all of it reserved by whoever wrote this.</div></body></html>",
    )
    done = fetched(crawl(site))
    (page,) = [file for file in scan(done.root, 5_000_000) if isinstance(file, SourceFile)]
    sections = read_sections(page, "", done.urls[page.path])
    assert [one.anchor for one in sections] == [f"part-{n}" for n in range(6)]
    assert "boil --pot 3" in sections[3].text
    assert not any("Chapter" in one.text or "Copyright" in one.text for one in sections)
    assert len([path for path in site.paths if path.startswith("/docs/1")]) == 11


def test_a_probe_reads_a_few_pages_and_leaves_nothing(site: Site, tmp_path: Path, quick: FetchSettings) -> None:
    site.page("/docs/", linked(*(f"page-{number}" for number in range(30))))
    for number in range(30):
        site.page(f"/docs/page-{number}", html("<p>Text.</p>"))
    found = probe(crawl(site), tmp_path / "source", quick)
    assert found.documents == 31
    assert found.first[:2] == (f"{site.url}/docs/", f"{site.url}/docs/page-0")
    assert len(site.paths) == 5
    assert list((tmp_path / "source").iterdir()) == []
    with pytest.raises(FetchFailed):
        probe(Origin("website", f"{site.url}/nothing"), tmp_path / "source", quick)


@pytest.mark.parametrize("location", ["ftp://example.org/", "docs", "http://user:word@127.0.0.1/", "http://[::1/"])
def test_other_addresses_are_refused(fetched: Fetch, location: str) -> None:
    with pytest.raises(FetchFailed, match="address"):
        fetched(Origin("website", location))
