"""A website: the pages of its sitemap, or those that its start page leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.config import FetchSettings
from app.fetching.crawl import Bounds, Crawl
from app.fetching.download import Downloader, PageFailed
from app.fetching.errors import FetchFailed
from app.fetching.origin import Fetched, FetchProgress, Origin, Probed
from app.fetching.pace import Pace
from app.fetching.page_store import PageStore
from app.fetching.page_urls import Scope, is_too_long, normalised
from app.fetching.robots import Robots, read_robots
from app.fetching.sitemap import is_sitemap, read_sitemap
from app.index.readers.patterns import Patterns

_PROBED_PAGES = 5
_HOSTS_SHOWN = 3


def fetch_website(
    origin: Origin,
    folder: Path,
    state: Mapping[str, Any],
    settings: FetchSettings,
    report: Callable[[FetchProgress], None],
) -> Fetched:
    """state: {"location", "pages": records by path}. The pages are in `folder`/pages. Raises FetchFailed."""
    known = state.get("location") == origin.location
    store = PageStore(folder, state.get("pages") if known else None)
    try:
        crawl = _crawled(origin, store, settings, settings.max_pages, report)
        if not store.records and crawl.failed:
            raise FetchFailed(f"{origin.location} gave no page, first {crawl.failures()[0].reason}")
        store.put_in_place()
    finally:
        store.discard()
    return Fetched(
        root=store.root,
        state={"location": origin.location, "pages": store.state()},
        changed=store.changed() if known else None,
        urls={path: record["url"] for path, record in store.records.items()},
        failed=crawl.failures(),
        unreachable=frozenset(crawl.unreachable),
    )


def probe_website(origin: Origin, folder: Path, settings: FetchSettings) -> Probed:
    """Reads robots.txt, the sitemap or the start page, and a few pages, into `folder`. Raises FetchFailed."""
    store = PageStore(folder, None)
    crawl = _crawled(origin, store, settings, _PROBED_PAGES, lambda _: None)
    crawl.failed.pop("", None)  # the limit is the probe's own
    return Probed(len(crawl.seen), tuple(record["url"] for record in store.records.values()), crawl.failures())


def _crawled(
    origin: Origin,
    store: PageStore,
    settings: FetchSettings,
    max_pages: int,
    report: Callable[[FetchProgress], None],
) -> Crawl:
    patterns = Patterns(origin.include, origin.exclude)
    url = _address(origin.location)
    report(FetchProgress(0, 0, url))
    with closing(Downloader(settings, Pace(1 / settings.requests_per_second))) as downloader:
        robots = read_robots(url, downloader, settings)
        sitemap = is_sitemap(url)
        scope = Scope.of(url, whole_host=sitemap)
        crawl = Crawl(Bounds(scope, patterns, robots, follow=not sitemap), downloader, store, settings)
        if sitemap:
            _list(crawl, url, downloader, robots)
        else:
            _start(crawl, url, downloader, robots, settings, store)
        crawl.run(max_pages, report)
    return crawl


def _address(location: str) -> str:
    if "@" in location.partition("://")[2].partition("/")[0]:
        raise FetchFailed("the address of a website may hold no login: give one that is open to read")
    url = normalised(location, "")
    if url is None or is_too_long(url):
        raise FetchFailed("this is no address of a website: give one with http:// or https://")
    return url


def _list(crawl: Crawl, url: str, downloader: Downloader, robots: Robots) -> None:
    """Queue the pages of a sitemap."""
    scope = crawl.bounds.scope

    def refusal(target: str) -> str:
        if scope.address(target, target) is None:
            return f"outside of {scope}"
        return "" if robots.allows(target) else "which robots.txt forbids"

    listed = read_sitemap(url, downloader, refusal)
    crawl.failed.update({one.path: one.reason for one in listed.failed})
    outside = [link for link in listed.pages if scope.address(link, url) is None]
    if outside:
        hosts = sorted({link.partition("://")[2].partition("/")[0][:100] for link in outside})[:_HOSTS_SHOWN]
        crawl.failed[urlsplit(url).path] = (
            f"{len(outside)} addresses of {url} lie on other hosts ({', '.join(hosts)}): they are left out"
        )
    crawl.want(listed.pages, url)
    if not crawl.seen:
        why = "; ".join(crawl.failed.values()) or "none that the patterns want"
        raise FetchFailed(f"the sitemap {url} lists no pages to read: {why}")


def _start(
    crawl: Crawl, url: str, downloader: Downloader, robots: Robots, settings: FetchSettings, store: PageStore
) -> None:
    """Take the start page. Where it redirects to on its host says what the prefix is."""
    host = urlsplit(url).hostname
    if not robots.allows(url):
        raise FetchFailed(f"robots.txt of {host} forbids {url}: ask its owner to allow {settings.user_agent}")

    def refusal(target: str) -> str:
        if urlsplit(target).hostname != host:
            return "another host: give that address"
        return "" if robots.allows(target) else "which robots.txt forbids"

    try:
        page = downloader.get(url, settings.max_page_bytes, refusal, store.conditions)
    except PageFailed as failure:
        raise FetchFailed(f"{url} is not to be had: {failure.reason}") from failure
    crawl.begin(url, page)
