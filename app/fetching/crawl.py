"""Goes from page to page of a website, and stores them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.config import FetchSettings
from app.fetching.download import Download, Downloader, PageFailed
from app.fetching.errors import FetchFailed
from app.fetching.origin import FetchProgress
from app.fetching.page_html import HtmlPage, read_page, told
from app.fetching.page_store import PageRecord, PageStore, sha256
from app.fetching.page_urls import Scope, is_kept, is_too_long, pattern_path, stored_path
from app.fetching.robots import Robots
from app.index.readers.html import is_attribute_bomb
from app.index.readers.patterns import Patterns
from app.index.section import Skipped

_SILENT_PAGES = 10  # so many without an answer in a row, and the site counts as down
_NO_ANSWER = "the site does not answer any more"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which pages a crawl goes to. follow: whether it follows links; it does not where a sitemap lists the pages."""

    scope: Scope
    patterns: Patterns
    robots: Robots
    follow: bool

    def wants(self, url: str) -> bool:
        return self.patterns.wants(pattern_path(url))

    def refusal(self, url: str) -> str:
        """Why a redirect to an address is not followed, '' where it is."""
        if self.scope.address(url, url) != url:
            return f"outside of {self.scope}"
        if not self.wants(url):
            return "which the patterns leave out"
        return "" if self.robots.allows(url) else "which robots.txt forbids"


class _HadAlready(Exception):
    """A redirect leads to a page of this crawl."""


class Crawl:
    """One crawl. failed: reasons by path, '' for that of the limit. seen: addresses in the order they were found."""

    def __init__(self, bounds: Bounds, downloader: Downloader, store: PageStore, settings: FetchSettings) -> None:
        self.bounds = bounds
        self.failed: dict[str, str] = {}
        self.unreachable: set[str] = set()
        self.seen: dict[str, None] = {}
        self._downloader = downloader
        self._store = store
        self._settings = settings
        self._agent = settings.user_agent.partition("/")[0]
        self._queue: deque[str] = deque()
        self._asked = 0
        self._silent = 0
        self._links_unknown = False
        self._canonical: dict[str, str] = {}  # address of the page that says so -> its canonical address

    def begin(self, url: str, page: Download) -> None:
        """Take the start page: its folder, where redirects ended, is the scope."""
        self.bounds = replace(self.bounds, scope=Scope.of(page.url))
        self.seen[url] = None
        self._asked += 1
        self._take(page)

    def want(self, links: Iterable[str], base: str) -> None:
        """Put those of the links into the queue that belong to the source and were not seen yet."""
        for link in links:
            url = self.bounds.scope.address(link, base)
            if url is None or url in self.seen or not self.bounds.wants(url):
                continue
            self.seen[url] = None
            if is_too_long(url):
                self._fail(url[:200], "its address is too long")
            elif not self.bounds.robots.allows(url):
                self._fail(url, "robots.txt forbids it")
            else:
                self._queue.append(url)

    def run(self, max_pages: int, report: Callable[[FetchProgress], None]) -> None:
        """Take the pages of the queue, and what they link to, in order. Raises FetchFailed and what `report` raises."""
        limit = self._take_all(max_pages, report)
        if self._links_unknown and not limit:
            self.want((record["url"] for record in self._store.before.values()), self.bounds.scope.origin)
            limit = self._take_all(max_pages, report)
        if limit:
            self.failed[""] = f"{len(self._queue)} or more pages were left out: {limit}"
        for page, canonical in self._canonical.items():
            path = stored_path(page)
            had = self._store.holds(path) and self._store.holds(stored_path(canonical))
            if had and canonical not in self._canonical:
                self._store.drop(path)

    def _take(self, page: Download) -> None:
        """Store a page and put its links into the queue. A page of no kind that is read is a failure."""
        self.seen.setdefault(page.url)
        if page.status == 304:
            self._take_unchanged(page.url)
            return
        if not is_kept(page.media_type):
            self._fail(page.url, f"it is {page.media_type}, not a page")
            return
        path = stored_path(page.url, page.media_type)
        if path.endswith(".html"):
            self._take_html(path, page)
        elif not self._store.holds(path) and self.bounds.wants(page.url) and not self._is_noindex(page):
            self._add(path, page, page.body, nofollow=True)

    def _is_noindex(self, page: Download) -> bool:
        return bool(told(page.robots, self._agent) & {"noindex", "none"})

    def _take_unchanged(self, url: str) -> None:
        path = self._store.path_before(url)
        data = self._store.keep(path) if path else None
        if path is None or data is None:
            self._fail(url, "the server calls it unchanged, and it is not here")
            return
        html = self._old_page(path, data)
        self._follow_links(html, url)
        self._note_canonical(html, url, path)
        self._fetched(path)
        if not self.bounds.wants(url):
            self._store.drop(path)

    def _take_all(self, max_pages: int, report: Callable[[FetchProgress], None]) -> str:
        """Empty the queue; where that is not allowed, the limit that forbids it."""
        while self._queue:
            if self._asked >= max_pages:
                return f"DOCENT_FETCHING__MAX_PAGES is {max_pages:,}"
            if self._store.bytes >= self._settings.max_total_bytes:
                return f"DOCENT_FETCHING__MAX_TOTAL_BYTES is {self._settings.max_total_bytes:,}"
            url = self._queue.popleft()
            report(FetchProgress(self._asked, self._asked + len(self._queue) + 1, url))
            if self._store.holds(stored_path(url)):
                continue  # the same page under another of its names, as `/a/` and `/a/index.html`
            self._asked += 1
            self._visit(url)
        return ""

    def _visit(self, url: str) -> None:
        try:
            page = self._downloader.get(url, self._settings.max_page_bytes, self._refusal, self._store.conditions)
        except _HadAlready:
            return
        except PageFailed as failure:
            self._page_failed(url, failure)
            return
        self._silent = 0
        self._take(page)

    def _refusal(self, url: str) -> str:
        if self._store.holds(stored_path(url)):
            raise _HadAlready
        return self.bounds.refusal(url)

    def _page_failed(self, url: str, failure: PageFailed) -> None:
        path = self._fail(failure.url, failure.reason)
        if not failure.passing:
            self._silent = 0
            return
        self._silent += 1
        if self._silent >= _SILENT_PAGES:
            raise FetchFailed(f"{_NO_ANSWER} ({failure.reason}): try again later")
        if self._store.holds(path):
            return  # had under another address
        self.unreachable.add(path)
        data = self._store.keep(path) if path in self._store.before else None
        if data is not None:
            self._follow_links(self._old_page(path, data), failure.url)
        if data is None or failure.url != url:
            self._links_unknown = True

    def _fail(self, url: str, reason: str) -> str:
        path = self._store.path_before(url) or stored_path(url)
        self.failed[path] = f"{url}: {reason}"
        return path

    def _take_html(self, path: str, page: Download) -> None:
        if is_attribute_bomb(page.body.decode("latin-1")):
            self._fail(page.url, "one of its tags has thousands of attributes, which no page needs")
            return
        html = read_page(page.body, page.charset, page.url, page.robots, self._agent)
        self._follow_links(html, page.url)
        if html.refresh:
            self.want([html.refresh], page.url)
        if html.noindex or html.refresh or self._store.holds(path) or not self.bounds.wants(page.url):
            return
        self._note_canonical(html, page.url, path)
        self._add(path, page, html.data, nofollow=html.nofollow)

    def _note_canonical(self, html: HtmlPage, url: str, path: str) -> None:
        """A page that names another as its original is dropped at the end, where that one was had."""
        canonical = self.bounds.scope.address(html.canonical, html.base) if html.canonical else None
        if canonical is not None and stored_path(canonical) != path:
            self.want([canonical], url)
            self._canonical[url] = canonical

    def _follow_links(self, html: HtmlPage, url: str) -> None:
        if self.bounds.follow:
            self.want(html.links, html.base or url)

    def _old_page(self, path: str, data: bytes) -> HtmlPage:
        record = self._store.before[path]
        if not path.endswith(".html"):
            return HtmlPage(data, record["url"], (), "", "", noindex=False, nofollow=True)
        return read_page(data, "", record["url"], "nofollow" if record["nofollow"] else "", "")

    def _add(self, path: str, page: Download, data: bytes, *, nofollow: bool) -> None:
        record = PageRecord(
            url=page.url, sha256=sha256(data), etag=page.etag, modified=page.modified, nofollow=nofollow
        )
        self._store.add(path, data, record)
        self._fetched(path)

    def _fetched(self, path: str) -> None:
        """What failed under another address of the same page did not fail."""
        self.failed.pop(path, None)
        self.unreachable.discard(path)

    def failures(self) -> tuple[Skipped, ...]:
        return tuple(Skipped(path or self.bounds.scope.prefix, why) for path, why in self.failed.items())
