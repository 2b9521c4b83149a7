"""Sitemaps (sitemaps.org): lists of pages, and lists of such lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.parsers import expat

from app.fetching.download import Downloader, PageFailed, gunzipped
from app.fetching.errors import FetchFailed
from app.fetching.page_urls import normalised
from app.index.section import Skipped

_MAX_BYTES = 52_428_800  # the protocol's own limit, after decompression
_MAX_SITEMAPS = 500
_MAX_LEVELS = 3


@dataclass(slots=True)
class Listed:
    """pages: in their order. failed: sitemaps that are listed and gone."""

    pages: list[str] = field(default_factory=list)
    failed: list[Skipped] = field(default_factory=list)


class _NotASitemap(Exception):
    pass


def is_sitemap(url: str) -> bool:
    return urlsplit(url).path.lower().endswith((".xml", ".xml.gz"))


def read_sitemap(url: str, downloader: Downloader, refusal: Callable[[str], str]) -> Listed:
    """The addresses of a sitemap and of all that it lists, as they stand there.

    refusal: why an address is not fetched, '' where it is. Raises FetchFailed where one of them is not to be had or is
    damaged, since its pages would look like deleted ones.
    """
    listed = Listed()
    waiting = [(url, 1)]
    seen = {url}
    while waiting:
        address, level = waiting.pop(0)
        try:
            is_index, found = _parse(_bytes(address, downloader, refusal))
        except PageFailed as failure:
            if failure.gone and address != url:
                listed.failed.append(Skipped(urlsplit(address).path, f"the sitemap {address} is gone"))
                continue
            raise FetchFailed(f"the sitemap {address} is not to be had: {failure.reason}") from failure
        except _NotASitemap as error:
            raise FetchFailed(f"{address} is no sitemap that can be read ({error}): see what stands there") from error
        if not is_index:
            listed.pages += found
            continue
        for link in found:
            inner = normalised(link, address)
            if inner is None or refusal(inner):
                listed.failed.append(Skipped(link[:200], f"the sitemap {link[:200]} lies outside of the source's host"))
            elif inner not in seen:
                seen.add(inner)
                waiting.append((inner, level + 1))
        if len(seen) > _MAX_SITEMAPS or any(deep > _MAX_LEVELS for _, deep in waiting):
            raise FetchFailed(f"{url} lists too many sitemaps, or too deep: give one of those that it lists")
    return listed


def _bytes(url: str, downloader: Downloader, refusal: Callable[[str], str]) -> bytes:
    body = downloader.get(url, _MAX_BYTES, refusal).body
    if not body.startswith(b"\x1f\x8b"):
        return body
    unzipped = bytearray()
    for piece in gunzipped(url, iter([body])):
        unzipped += piece
        if len(unzipped) > _MAX_BYTES:
            raise PageFailed(f"it is larger than {_MAX_BYTES:,} bytes", url, passing=False)
    return bytes(unzipped)


def _parse(data: bytes) -> tuple[bool, list[str]]:
    """Whether it lists sitemaps, and the addresses. Declared entities are refused: no sitemap needs them."""
    parser = expat.ParserCreate(namespace_separator=" ")
    path: list[str] = []
    text: list[str] = []
    found: list[str] = []
    roots: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        path.append(name.rpartition(" ")[2])
        text.clear()
        if len(path) == 1:
            roots.append(path[0])

    def end(_: str) -> None:
        if path[1:] in (["url", "loc"], ["sitemap", "loc"]):
            found.append("".join(text).strip())
        path.pop()

    def doctype(*_: object) -> None:
        raise _NotASitemap("it declares a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data.strip(), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise _NotASitemap(str(error)) from error
    if roots[0] not in {"urlset", "sitemapindex"}:
        raise _NotASitemap(f"its outermost element is <{roots[0][:40]}>")
    return roots[0] == "sitemapindex", found
