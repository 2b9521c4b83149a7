"""Addresses of pages: their one spelling, which belong to a source, and under which path they are stored."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")
_TRACKING = re.compile(
    r"utm_\w+|_ga|_gl|gclid|dclid|fbclid|msclkid|mc_[ce]id|igshid|yclid|_hs\w+|hsa_\w+", re.IGNORECASE
)
_MAX_URL, _MAX_DEPTH = 2000, 30
_MAX_NAME = 60  # characters; a file system takes 255 bytes, of which one character may need four
_UNSAFE = re.compile(r"[^\w.~+@=,-]")
_READ_SUFFIX = re.compile(r"\.(?:html?|md|mdx|markdown|rst|txt|ipynb|ya?ml|json)$", re.IGNORECASE)
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})  # folders that readers do not enter

# What is stored, by its media type; of text the ending of the address says which kind it is.
_SUFFIXES = {"text/html": ".html", "application/xhtml+xml": ".html", "text/markdown": ".md", "text/x-markdown": ".md"}
_TEXT_SUFFIXES = {".md": ".md", ".markdown": ".md", ".mdx": ".mdx", ".rst": ".rst"}


def normalised(link: str, base: str) -> str | None:
    """The address a link on the page `base` leads to, without fragment and tracking parameters.

    None for what is no http(s) address, and for one with a login in it.
    """
    try:
        parts = urlsplit(urljoin(base, link.strip()))
        host, port = parts.hostname, parts.port
        ascii_host = host.encode("idna").decode() if host and not host.isascii() else host
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in _PORTS or not ascii_host or parts.username is not None:
        return None
    if ":" in ascii_host:
        ascii_host = f"[{ascii_host}]"
    netloc = ascii_host if port in {None, _PORTS[parts.scheme]} else f"{ascii_host}:{port}"
    query = "&".join(part for part in parts.query.split("&") if part and not _is_tracking(part))
    return urlunsplit((parts.scheme, netloc, _clean_path(parts.path), _quoted(query, "%/?:@!$&'()*+,;=~-._"), ""))


def _is_tracking(parameter: str) -> bool:
    names = parse_qsl(parameter, keep_blank_values=True)
    return bool(names) and _TRACKING.fullmatch(names[0][0]) is not None


def _clean_path(path: str) -> str:
    """Dots resolved, and one of the spellings that mean the same; '/' where there is none."""
    path = _quoted(path, "%/:@!$&'()*+,;=~-._")
    path = _ESCAPE.sub(_spelling, re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path))
    kept: list[str] = []
    for part in path.split("/")[1:]:
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/" + "/".join(kept)


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe, errors="replace")


def _spelling(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.match(character) else escape[0].upper()


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of a website that belongs to a source. origin: 'https://host:port'; prefix: path that ends in '/'."""

    origin: str
    prefix: str

    @classmethod
    def of(cls, url: str, *, whole_host: bool = False) -> Scope:
        """The folder of an address, or all of its host."""
        parts = urlsplit(url)
        prefix = "/" if whole_host else parts.path[: parts.path.rfind("/") + 1]
        return cls(f"{parts.scheme}://{parts.netloc}", prefix)

    def address(self, link: str, base: str) -> str | None:
        """The address of a link, where it lies inside; http is the same place as https."""
        url = normalised(link, base)
        if url is not None and self.origin.startswith("https:") and url.startswith("http:"):
            url = "https" + url[4:]
        return url if url is not None and self.holds(url) else None

    def holds(self, url: str) -> bool:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self.origin and parts.path.startswith(self.prefix)

    def __str__(self) -> str:
        return self.origin + self.prefix


def is_too_long(url: str) -> bool:
    """Whether an address is longer or deeper than pages have: a site that makes up ever new ones."""
    return len(url) > _MAX_URL or urlsplit(url).path.count("/") > _MAX_DEPTH


def pattern_path(url: str) -> str:
    """What patterns are held against: the path of the address as people read it, without its leading slash."""
    return unquote(urlsplit(url).path, errors="replace").lstrip("/")


def is_kept(media_type: str) -> bool:
    """Whether pages of this kind are read; a page that does not say its kind is taken for HTML."""
    return media_type in _SUFFIXES or media_type in {"text/plain", ""}


def stored_path(url: str, media_type: str = "text/html") -> str:
    """Where a page stands below the folder of pages: `/a/` is a/index.html, `/a/b` and `/a/b.html` are a/b.html.

    Pages with a query have its hash in their name. Names that a file system, or the readers, would not take are
    changed, and get a hash of what they were.
    """
    parts = urlsplit(url)
    *folders, name = parts.path.lstrip("/").split("/")
    stem, suffix = _split(name or "index", media_type)
    safe = _safe(stem, name)
    if parts.query:
        safe += f"-q{_hash(parts.query)}"
    return "/".join([*(_safe_folder(folder) for folder in folders), safe + suffix])


def _split(name: str, media_type: str) -> tuple[str, str]:
    found = re.search(r"\.\w+$", name)
    ending = found[0].lower() if found else ""
    stem = name[: -len(ending)] if ending else name
    if media_type == "text/plain":
        suffix = _TEXT_SUFFIXES.get(ending, ".txt")
        return (stem if ending in {*_TEXT_SUFFIXES, ".txt"} else name), suffix
    suffix = _SUFFIXES.get(media_type, ".html")
    own = {".html", ".htm", ".xhtml"} if suffix == ".html" else {".md", ".markdown"}
    return (stem if ending in own else name), suffix


def _safe_folder(segment: str) -> str:
    name = _safe(segment, segment)
    if name in _PASSED_OVER or _READ_SUFFIX.search(name):  # a page may have the same path: `/a.html` and `/a.html/b`
        return f"{name}-{_hash(segment)}"
    return name


def _safe(text: str, whole: str) -> str:
    readable = unquote(text, errors="replace")
    safe = _UNSAFE.sub("_", readable)[:_MAX_NAME]
    if safe.startswith("."):
        safe = "_" + safe
    return safe if safe == readable and safe else f"{safe or '_'}-{_hash(whole)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
