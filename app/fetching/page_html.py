"""What a page of HTML says to a crawler, and where its main content is."""

from __future__ import annotations

import codecs
import contextlib
import re
from dataclasses import dataclass
from urllib.parse import urljoin

import trafilatura
from bs4 import BeautifulSoup
from bs4.element import Tag
from bs4.exceptions import ParserRejectedMarkup

_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
_MARKED = "main, [role=main], article"
_MAX_DEPTH = 150  # the readers take none that is deeper
_LINE_CHARS = 15  # shorter lines stand in navigation as well
_LINES = 100  # that are looked for: enough to tell elements apart, on a page of any size
_SHARE = 0.9  # of the content's text that has to be in an element for it to be the content's
_REFRESH = re.compile(r"\s*([\d.]+)\s*[;,]\s*(?:url\s*=)?\s*['\"]?([^'\"]+)", re.IGNORECASE)
_REFRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """data: the page to store. links: as written, those not to be followed left out; they are relative to `base`.

    canonical, refresh: as written, '' where there is none; refresh is the target of a page that only redirects.
    """

    data: bytes
    base: str
    links: tuple[str, ...]
    canonical: str
    refresh: str
    noindex: bool
    nofollow: bool


def read_page(data: bytes, charset: str, url: str, robots: str, agent: str) -> HtmlPage:
    """charset, robots: what the HTTP headers say, '' for nothing. A page that cannot be parsed has no links."""
    data = _as_utf8(data, charset)
    try:
        soup = BeautifulSoup(data, "lxml")
    except (ParserRejectedMarkup, RecursionError):
        return HtmlPage(data, url, (), "", "", noindex=False, nofollow=False)
    words = told(robots, agent) | {word for tag in _metas(soup, "robots", agent) for word in _words(tag)}
    nofollow = bool(words & {"nofollow", "none"})
    links = () if nofollow else tuple(_links(soup))
    base = soup.find("base", href=True)
    return HtmlPage(
        data=_with_main_content(data, soup),
        base=_joined(url, str(base["href"])) if isinstance(base, Tag) else url,
        links=links,
        canonical=_canonical(soup),
        refresh=_refresh(soup),
        noindex=bool(words & {"noindex", "none"}),
        nofollow=nofollow,
    )


def _as_utf8(data: bytes, charset: str) -> bytes:
    """Readers see the bytes without their HTTP headers, so what only those say is worked in. NULs mean nothing."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if marked else charset
    if encoding:
        with contextlib.suppress(UnicodeError, LookupError):  # the readers find out
            data = data.decode(encoding).encode()
    return data.replace(b"\0", b"")


def _joined(url: str, link: str) -> str:
    try:
        return urljoin(url, link)
    except ValueError:
        return url


def _metas(soup: BeautifulSoup, *names: str) -> list[Tag]:
    wanted = {name.lower() for name in names}
    return [tag for tag in soup.find_all("meta") if str(tag.get("name", "")).lower() in wanted]


def _words(tag: Tag) -> set[str]:
    return {word.strip().lower() for word in str(tag.get("content", "")).split(",")}


def told(header: str, agent: str) -> set[str]:
    """The words of X-Robots-Tag that hold for everybody or for us: `noindex, otherbot: nofollow`."""
    words: set[str] = set()
    addressed = ""
    for part in header.lower().split(","):
        name, colon, rest = part.partition(":")
        if colon and not name.strip().startswith(("unavailable_after", "max-")):
            addressed, part = name.strip(), rest  # noqa: PLW2901
        if addressed in {"", agent.lower()}:
            words.add(part.strip())
    return words


def _links(soup: BeautifulSoup) -> list[str]:
    return [
        str(tag["href"])
        for tag in soup.find_all(["a", "area"], href=True)
        if "nofollow" not in [str(word).lower() for word in tag.get("rel") or ()]
    ]


def _canonical(soup: BeautifulSoup) -> str:
    for tag in soup.find_all("link", href=True):
        if "canonical" in [str(word).lower() for word in tag.get("rel") or ()]:
            return str(tag["href"])
    return ""


def _refresh(soup: BeautifulSoup) -> str:
    for tag in soup.find_all("meta", content=True):
        found = _REFRESH.match(str(tag["content"]))
        if str(tag.get("http-equiv", "")).lower() == "refresh" and found:
            return found[2].strip() if float(found[1].strip(".") or 0) <= _REFRESH_SECONDS else ""
    return ""


def _with_main_content(data: bytes, soup: BeautifulSoup) -> bytes:
    """The page, in which the element with its main content is marked where the page itself marks none.

    A page that marks its content with <main> or <article> is kept as it was sent: the readers take that element, with
    its headings' anchors, tables and code. Trafilatura's own output has no anchors, which citations lead to, so it only
    says which text is content, and the element around that text is marked. The rest of the page stays, as its links
    are looked for again when the server says that the page did not change.
    """
    if soup.body is None or soup.select_one(_MARKED) is not None or _depth(soup.body) > _MAX_DEPTH:
        return data
    found = trafilatura.extract(data, include_comments=False, with_metadata=False)
    lines = {_squeezed(line).lstrip("-|") for line in (found or "").split("\n")}
    headings = {_squeezed(tag.get_text()) for tag in soup.body.find_all(_HEADINGS)} & lines
    long = sorted(line for line in lines if len(line) >= _LINE_CHARS)
    lines = set(long[:: len(long) // _LINES + 1])
    if not lines:
        return data
    content = _around(soup.body, lines, headings)
    if content is soup.body:
        return data
    content["role"] = "main"
    return soup.encode("utf-8")


def _around(body: Tag, lines: set[str], headings: set[str]) -> Tag:
    """The innermost element that holds nearly all of the lines, and every heading among them."""
    wanted = _SHARE * sum(map(len, lines))
    content = body
    while True:
        for child in content.children:
            if isinstance(child, Tag):
                text = _squeezed(child.get_text())
                had = sum(len(line) for line in lines if line in text) if len(text) >= wanted else 0
                if had >= wanted and all(heading in text for heading in headings):
                    content = child
                    break
        else:
            return content


def _squeezed(text: str) -> str:
    """Without white space, which tells two renderings of one text apart."""
    return re.sub(r"\s+", "", text)


def _depth(body: Tag) -> int:
    deepest, level = 0, [body]
    while level:
        level = [child for tag in level for child in tag.children if isinstance(child, Tag)]
        deepest += 1
    return deepest
