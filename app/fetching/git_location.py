"""Which repositories git is sent to, and how they are named without their credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.fetching.errors import FetchFailed

_SCHEMES = frozenset({"http", "https", "ssh", "file"})
_SCP_LIKE = re.compile(r"(?:[\w.][\w.-]*@)?[A-Za-z0-9][\w.-]*:(?!:)[^\s-]\S*")  # user@host:path/of/repository
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


@dataclass(frozen=True, slots=True)
class GitLocation:
    """url: as git gets it. shown: without credentials. secrets: what never stands in a message."""

    url: str
    shown: str
    secrets: tuple[str, ...] = ()

    def redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return _USERINFO.sub("***@", text)


def parse_location(location: str) -> GitLocation:
    """Raises FetchFailed for all but http, https, ssh and file URLs, user@host:path, and folders of this machine."""
    location = location.strip()
    if not location or location.startswith("-") or not location.isprintable():
        raise FetchFailed("this is no address of a git repository: give an https or ssh URL, or a local path")
    if "://" in location:
        return _from_url(location)
    path = Path(location).expanduser()
    if path.is_dir():
        return GitLocation(str(path.absolute()), str(path))
    if _SCP_LIKE.fullmatch(location) and "/" not in location.partition(":")[0]:
        return GitLocation(location, location)
    if re.match(r"[\w+.-]+::", location):
        raise FetchFailed("git may fetch by http, https, ssh and from local folders only: give such an address")
    raise FetchFailed(f"there is no repository {path}: give its folder, or an https or ssh URL")


def _from_url(location: str) -> GitLocation:
    try:
        parts = urlsplit(location)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise FetchFailed("this URL of a git repository cannot be read: correct it") from error
    if parts.scheme not in _SCHEMES or "::" in location.partition("://")[0]:
        raise FetchFailed("git may fetch by http, https, ssh and from local folders only: give such an address")
    if host.startswith("-") or (not host and parts.scheme != "file"):
        raise FetchFailed("this URL of a git repository names no host: correct it")
    if parts.scheme == "ssh":
        return GitLocation(location, _USERINFO.sub("", location), _secrets(parts.password))
    return GitLocation(location, _USERINFO.sub("", location), _secrets(parts.password, parts.username))


def _secrets(*parts: str | None) -> tuple[str, ...]:
    """Also as they read decoded; one or two letters would blot out half a message and are no secret."""
    spellings = {spelling for part in parts if part for spelling in (part, unquote(part)) if len(spelling) > 2}
    return tuple(sorted(spellings, key=len, reverse=True))
