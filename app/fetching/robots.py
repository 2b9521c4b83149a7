"""robots.txt (RFC 9309)."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from protego import Protego

from app.config import FetchSettings
from app.fetching.download import Downloader, PageFailed
from app.fetching.errors import FetchFailed

_MAX_BYTES = 512_000  # RFC 9309 asks for 500 KiB at least
_MAX_DELAY = 60.0


class Robots:
    """What a host lets us read, and how fast."""

    def __init__(self, text: str, user_agent: str) -> None:
        self._rules = Protego.parse(text)
        self._agent = user_agent

    def allows(self, url: str) -> bool:
        return bool(self._rules.can_fetch(url, self._agent))

    def interval(self) -> float:
        """Seconds between two requests, 0 where none are asked for."""
        delay = float(self._rules.crawl_delay(self._agent) or 0)
        rate = self._rules.request_rate(self._agent)
        return max(delay, rate.seconds / rate.requests if rate and rate.requests else 0.0)


def read_robots(url: str, downloader: Downloader, settings: FetchSettings) -> Robots:
    """Those of the host of `url`, and the downloader slows down to them.

    A host without the file (4xx) allows all. Raises FetchFailed where the file cannot be had, since it may forbid all,
    and where it asks for pauses that no sync ends with.
    """
    address = urljoin(url, "/robots.txt")
    host = urlsplit(address).hostname

    def refusal(target: str) -> str:
        return "" if urlsplit(target).hostname == host else "another host: give the address of the pages there"

    try:
        text = downloader.get(address, _MAX_BYTES, refusal).body.decode("utf-8", "replace")
    except PageFailed as failure:
        if not 400 <= failure.status < 500 or failure.passing:
            raise FetchFailed(f"{address} is not to be had, and it may forbid reading: {failure.reason}") from failure
        text = ""
    robots = Robots(text, settings.user_agent)
    if robots.interval() > _MAX_DELAY:
        raise FetchFailed(
            f"{address} asks for {robots.interval():g} seconds between two requests, more than the {_MAX_DELAY:g} that "
            "are kept: ask its owner for another rule"
        )
    downloader.pace.interval = max(downloader.pace.interval, robots.interval())
    return robots
