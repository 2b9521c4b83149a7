"""One file of a website: redirects, limits and time kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

import httpx

from app.config import FetchSettings
from app.fetching.deadline import Deadline, DeadlineTransport
from app.fetching.pace import Pace
from app.fetching.page_urls import normalised

_READ_BYTES = 65_536
_PASSING = frozenset({408, 421, 425, 429})  # besides 5xx: what a later try may not meet
_GONE = frozenset({404, 410})


class PageFailed(Exception):
    """url: of the redirects' last step. passing: whether the page may still be there. status: 0 without an answer."""

    def __init__(self, reason: str, url: str, *, passing: bool, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.url = url
        self.passing = passing
        self.status = status

    @property
    def gone(self) -> bool:
        return self.status in _GONE


@dataclass(frozen=True, slots=True)
class Download:
    """url: where the redirects ended. status: 200, or 304 without a body.

    media_type, charset: lower case, '' where the server does not say. robots: the header X-Robots-Tag.
    """

    url: str
    status: int
    media_type: str
    charset: str
    body: bytes
    etag: str
    modified: str
    robots: str


def _nothing(_: str) -> dict[str, str]:
    return {}


def _anything(_: str) -> str:
    return ""


class Downloader:
    """Asks one thing at a time, at the pace of `pace`. Holds a connection until it is closed."""

    def __init__(self, settings: FetchSettings, pace: Pace) -> None:
        self.pace = pace
        self._settings = settings
        self._deadline = Deadline()
        self._client = httpx.Client(
            transport=DeadlineTransport(self._deadline),
            timeout=settings.timeout_seconds,
            headers={
                "User-Agent": settings.user_agent,
                "Accept": "text/html, text/markdown, text/plain, application/xhtml+xml;q=0.9, */*;q=0.5",
                "Accept-Encoding": "gzip",
            },
        )

    def close(self) -> None:
        self._client.close()

    def get(
        self,
        url: str,
        max_bytes: int,
        refusal: Callable[[str], str] = _anything,
        conditions: Callable[[str], Mapping[str, str]] = _nothing,
    ) -> Download:
        """refusal: why a redirect to an address is not followed, '' where it is. conditions: headers by address.

        Raises PageFailed.
        """
        steps = [url]
        while True:
            found = self._request(url, max_bytes, conditions(url))
            if isinstance(found, Download):
                return found
            target = normalised(found, url)
            if target is None:
                raise PageFailed(f"{url} redirects to no address that can be read", url, passing=False)
            steps.append(target)
            if target in steps[:-1]:
                raise PageFailed(f"it redirects in a loop: {' -> '.join(steps)}", url, passing=False)
            if len(steps) > self._settings.max_redirects + 1:
                raise PageFailed(f"it redirects more than {self._settings.max_redirects} times", url, passing=False)
            if reason := refusal(target):
                raise PageFailed(f"it redirects to {target}, {reason}", url, passing=False)
            url = target

    def _request(self, url: str, max_bytes: int, conditions: Mapping[str, str]) -> Download | str:
        """What stands at the address, or where it redirects to."""
        self.pace.wait()
        self._deadline.start(self._settings.timeout_seconds)
        try:
            with self._client.stream("GET", url, headers=dict(conditions)) as response:
                if response.has_redirect_location:
                    return response.headers["location"]
                if response.status_code == 304 and conditions:
                    return _download(url, response, b"")
                if response.status_code != 200:
                    raise _refused(url, response.status_code)
                return _download(url, response, _body(url, response, max_bytes))
        except httpx.TimeoutException as error:
            reason = f"it was not here within {self._settings.timeout_seconds:g} seconds"
            raise PageFailed(reason, url, passing=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise PageFailed(f"the connection failed: {said}", url, passing=True) from error


def _refused(url: str, status: int) -> PageFailed:
    passing = status >= 500 or status in _PASSING
    return PageFailed(f"the server answers {status}", url, passing=passing, status=status)


def _download(url: str, response: httpx.Response, body: bytes) -> Download:
    kind = Message()
    kind["content-type"] = response.headers.get("content-type", "")
    declared = response.headers.get("content-type", "").strip()
    return Download(
        url=url,
        status=response.status_code,
        media_type=kind.get_content_type() if declared else "",
        charset=str(kind.get_param("charset", "") or "").lower(),
        body=body,
        etag=response.headers.get("etag", ""),
        modified=response.headers.get("last-modified", ""),
        robots=response.headers.get("x-robots-tag", ""),
    )


def _body(url: str, response: httpx.Response, max_bytes: int) -> bytes:
    """Decompressed here and not by httpx, which would unfold a bomb before its size could be looked at."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    pieces = response.iter_raw(_READ_BYTES)
    if encoding in {"gzip", "x-gzip"}:
        pieces = gunzipped(url, pieces)
    elif encoding not in {"identity", ""}:
        raise PageFailed(f"it is sent in the encoding {encoding}, which was not asked for", url, passing=False)
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise PageFailed(f"it is larger than {max_bytes:,} bytes", url, passing=False)
    return bytes(body)


def gunzipped(url: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """In pieces of 64 KiB at most. Raises PageFailed for damaged data, and for data that ends early."""
    unzip = zlib.decompressobj(wbits=31)
    for piece in pieces:
        rest = piece
        while rest and not unzip.eof:
            try:
                unzipped = unzip.decompress(rest, _READ_BYTES)
            except zlib.error as error:
                raise PageFailed("its compressed data are damaged", url, passing=True) from error
            rest = unzip.unconsumed_tail
            yield unzipped
    if not unzip.eof:
        raise PageFailed("its compressed data end early", url, passing=True)
