"""Sites: what is stored of them, and whom they let in."""

from __future__ import annotations

from typing import Any

import pytest

from app.auth import sites as module
from app.auth.sites import Sites, UnknownSite
from app.db import Database
from app.errors import InvalidInput, NotFound

DOCS = "https://docs.example.org"


async def test_what_is_stored(database: Database) -> None:
    sites = Sites(database)
    made = await sites.create(
        {
            "origins": ["HTTPS://Docs.example.org:443/", DOCS, "http://localhost:3000"],
            "title": "  Ask us ",
            "accent": "#0B6",
            "starters": ["How?"],
            "position": "left",
            "person": False,
            "strings": {"de": {"send": "Los"}, "pt-BR": {}},
        }
    )
    assert made.id.startswith("site_")
    (stored,) = await sites.all()
    assert stored.origins == [DOCS, "http://localhost:3000"]
    assert (stored.name, stored.title, stored.greeting) == (DOCS, "Ask us", "")
    assert (stored.accent, stored.accent_dark, stored.position, stored.person) == ("#00bb66", "", "left", False)
    assert (stored.starters, stored.strings) == (["How?"], {"de": {"send": "Los"}, "pt-BR": {}})
    assert not stored.own


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"origins": []}, "give at least one"),
        ({}, "give at least one"),
        ({"origins": ["https://*.example.org"]}, "no origin"),
        ({"origins": [DOCS, "nonsense"]}, "no origin"),
        ({"origins": [DOCS], "accent": "green"}, "no colour"),
        ({"origins": [DOCS], "accent_dark": "#12"}, "no colour"),
        ({"origins": [DOCS], "title": "x" * 81}, "80 characters"),
        ({"origins": [DOCS], "title": "two\nlines"}, "printable"),
        ({"origins": [DOCS], "greeting": "x" * 301}, "300 characters"),
        ({"origins": [DOCS], "starters": ["?"] * 7}, "6 starter questions"),
        ({"origins": [DOCS], "starters": ["x" * 301]}, "300 characters"),
        ({"origins": [DOCS], "position": "top"}, "left or right"),
        ({"origins": [DOCS], "strings": {"": {}}}, "no language"),
        ({"origins": [DOCS], "strings": {"d/e": {}}}, "no language"),
        ({"origins": [DOCS], "strings": {"dé": {}}}, "no language"),
        ({"origins": [DOCS], "strings": {"d" * 36: {}}}, "no language"),
        ({"origins": [DOCS], "strings": {"de": {"send": "x" * 301}}}, "300 characters"),
        ({"origins": [DOCS], "strings": {"de": {"send": "\ud800"}}}, "printable"),
        ({"origins": [DOCS], "strings": {"de": {"\ud800": "Los"}}}, "no text of the widget"),
        ({"origins": [DOCS], "strings": {"de": {"x\ny": "Los"}}}, "no text of the widget"),
        ({"origins": [DOCS], "strings": {"de": {"x" * 65: "Los"}}}, "no text of the widget"),
    ],
)
async def test_what_is_refused(database: Database, values: dict[str, Any], said: str) -> None:
    sites = Sites(database)
    with pytest.raises(InvalidInput, match=said) as refused:
        await sites.create(values)
    assert "\n" not in refused.value.detail
    made = await sites.create({"origins": [DOCS]})
    if values.get("origins"):
        with pytest.raises(InvalidInput, match=said):
            await sites.update(made.id, values)
    (stored,) = await sites.all()
    assert (stored.origins, stored.title, stored.accent) == ([DOCS], "", "")


async def test_a_change_of_one_thing_leaves_the_others(database: Database) -> None:
    sites = Sites(database)
    made = await sites.create({"origins": [DOCS], "title": "Ask us", "accent": "#0b6e4f"})
    await sites.update(made.id, {"accent": "", "origins": ["https://new.example.org"]})
    (stored,) = await sites.all()
    assert (stored.title, stored.accent, stored.origins) == ("Ask us", "", ["https://new.example.org"])
    with pytest.raises(NotFound, match="docent site list"):
        await sites.update("site_nobody", {"title": "x"})


async def test_who_is_let_in(database: Database) -> None:
    sites = Sites(database)
    made, other = await sites.create({"origins": [DOCS]}), await sites.create({"origins": ["https://b.example"]})
    assert (await sites.admit(made.id, DOCS, "any")).id == made.id
    assert (await sites.admit(made.id, None, "any")).id == made.id
    refused = [
        (made.id, "https://b.example"),
        (other.id, DOCS),
        (made.id, "http://docs.example.org"),
        (made.id, f"{DOCS}:8443"),
        (made.id, f"{DOCS}.evil.example"),
        (made.id, f"{DOCS}/"),
        (made.id, "null"),
        (made.id, ""),
        (made.id, "https://any"),  # the service's own, which is not this site's
        (made.id.upper(), DOCS),
        ("site_0000000000000000", DOCS),
        ("", DOCS),
    ]
    for key, origin in refused:
        with pytest.raises(UnknownSite):
            await sites.admit(key, origin, "any")


async def test_the_start_pages_own_site(database: Database) -> None:
    sites = Sites(database)
    own = await sites.own()
    assert (await Sites(database).own()).id == own.id
    assert await sites.admit(own.id, "http://127.0.0.1:8000", "127.0.0.1:8000")
    for origin, host in (("http://127.0.0.1:8000", "127.0.0.1:8001"), (DOCS, "127.0.0.1:8000"), ("null", "null")):
        with pytest.raises(UnknownSite):
            await sites.admit(own.id, origin, host)
    with pytest.raises(InvalidInput, match="START_PAGE"):
        await sites.delete(own.id)


async def test_changes_are_seen_within_seconds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    elsewhere, sites = Sites(database), Sites(database)
    made = await elsewhere.create({"origins": [DOCS]})
    assert await sites.admit(made.id, DOCS, "")
    assert sites.is_site_origin(DOCS)
    await elsewhere.delete(made.id)
    clock.now += 5.1
    with pytest.raises(UnknownSite):
        await sites.admit(made.id, DOCS, "")
    assert not sites.is_site_origin(DOCS)
    with pytest.raises(NotFound):
        await elsewhere.delete(made.id)
