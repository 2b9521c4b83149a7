"""Sites: what a widget's public key stands for: the origins it may be used on, its texts, colours and questions."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from app.auth.colours import parse_colour
from app.auth.origins import is_own_origin, parse_origin
from app.db import Database
from app.errors import Forbidden, InvalidInput, NotFound
from app.models.site import Site

PREFIX = "site_"
_CACHED_SECONDS = 5.0  # a changed site is served as it was for this long at most
_NAME_CHARS, _TEXT_CHARS, _STARTERS = 80, 300, 6
_LANGUAGE_CHARS = 35  # the longest that RFC 5646 speaks of
_TEXT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class UnknownSite(Forbidden):
    kind = "unknown-site"
    title = "Not a site of this service"


class Sites:
    """Reads and writes sites; what requests ask for is read from the database every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: dict[str, Site] = {}
        self._origins: frozenset[str] = frozenset()
        self._read_at = -_CACHED_SECONDS

    async def refresh(self) -> None:
        """Read the sites anew where the last reading is too old."""
        if time.monotonic() - self._read_at < _CACHED_SECONDS:
            return
        sites = await self.all()
        self._cache = {site.id: site for site in sites}
        self._origins = frozenset(origin for site in sites for origin in site.origins)
        self._read_at = time.monotonic()

    def is_site_origin(self, origin: str) -> bool:
        """Whether any site has this origin, by the last `refresh`."""
        return origin in self._origins

    async def admit(self, key: str, origin: str | None, host: str) -> Site:
        """The site of a public key, used on a page of `origin` (None: the browser sent none).

        host: the request's Host header, which the service's own page has in common with its origin. Raises
        UnknownSite, which does not tell an unknown key from a foreign origin.
        """
        await self.refresh()
        site = self._cache.get(key)
        if site is not None and (origin is None or _allows(site, origin, host)):
            return site
        raise UnknownSite(
            f"the site key is unknown, or pages of {origin or 'this origin'} may not use it: "
            "`docent site list` shows the keys with their origins"
        )

    async def own(self) -> Site:
        """The site of the service's own start page; made on the first call."""
        async with self._database.transaction() as session:
            site = (await session.scalars(select(Site).where(Site.own).limit(1))).first()
            if site is None:
                site = Site(id=_new_key(), name="start page", own=True, origins=[])
                session.add(site)
        return site

    async def all(self) -> Sequence[Site]:
        async with self._database.transaction() as session:
            return (await session.scalars(select(Site).order_by(Site.created_at, Site.id))).all()

    async def create(self, values: Mapping[str, Any]) -> Site:
        """A new site. values: columns of Site, checked. Raises InvalidInput."""
        checked = _checked(values)
        if not checked.get("origins"):
            raise InvalidInput("a site needs the origins of its pages: give at least one, as https://docs.example.org")
        if not checked.get("name"):
            checked["name"] = checked["origins"][0]
        site = Site(id=_new_key(), own=False, **checked)
        async with self._database.transaction() as session:
            session.add(site)
        return site

    async def update(self, key: str, values: Mapping[str, Any]) -> Site:
        """Change the given columns. Raises NotFound or InvalidInput."""
        async with self._database.transaction() as session:
            site = await session.get(Site, key)
            if site is None:
                raise NotFound(f"there is no site {key}: `docent site list` shows them")
            for name, value in _checked(values).items():
                setattr(site, name, value)
        return site

    async def delete(self, key: str) -> None:
        """Refuse the key and its sessions from now on. Raises NotFound, and InvalidInput for the start page's."""
        async with self._database.transaction() as session:
            site = await session.get(Site, key)
            if site is None:
                raise NotFound(f"there is no site {key}: `docent site list` shows them")
            if site.own:
                raise InvalidInput("this is the start page's own site: DOCENT_SERVER__START_PAGE=false takes that away")
            await session.delete(site)


def _allows(site: Site, origin: str, host: str) -> bool:
    return origin in site.origins or (site.own and is_own_origin(origin, host))


def _new_key() -> str:
    return PREFIX + secrets.token_hex(8)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(values)
    for name, limit in (("name", _NAME_CHARS), ("title", _NAME_CHARS), ("greeting", _TEXT_CHARS)):
        if name in checked:
            checked[name] = _text(name, checked[name], limit)
    if "origins" in checked:
        checked["origins"] = list(dict.fromkeys(parse_origin(origin) for origin in checked["origins"]))
    if "starters" in checked:
        starters = [_text("a starter question", one, _TEXT_CHARS) for one in checked["starters"]]
        checked["starters"] = [starter for starter in starters if starter]  # one empty text takes all of them away
        if len(checked["starters"]) > _STARTERS:
            raise InvalidInput(f"a widget shows {_STARTERS} starter questions at most")
    for name in ("accent", "accent_dark"):
        if checked.get(name):
            checked[name] = parse_colour(checked[name])
    if checked.get("position", "right") not in {"left", "right"}:
        raise InvalidInput("the position is left or right")
    if "strings" in checked:
        checked["strings"] = _strings(checked["strings"])
    return checked


def _strings(strings: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    for language in strings:
        if not language.replace("-", "").isalnum() or not language.isascii() or len(language) > _LANGUAGE_CHARS:
            raise InvalidInput(f"{language!r} is no language: write it as de or pt-BR")
        for name in strings[language]:
            if not _TEXT_NAME.fullmatch(name):
                raise InvalidInput(f"{name!r} is no text of the widget: the names stand in /widget/strings/de.json")
    return {
        language: {name: _text(f"the text {name}", text, _TEXT_CHARS) for name, text in texts.items()}
        for language, texts in strings.items()
    }


def _text(what: str, value: str, limit: int) -> str:
    text = value.strip()
    if len(text) > limit or not text.isprintable():
        raise InvalidInput(f"{what} has {limit} characters at most, all printable")
    return text
