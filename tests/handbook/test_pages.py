"""The project's own handbook, every page of it."""

from __future__ import annotations

from itertools import groupby, pairwise
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient

from app.handbook.folder import Handbook
from app.index.readers import SourceFile, read_sections, scan
from app.runtime import HANDBOOK_URL
from tests.handbook.conftest import BROWSER, DOCS, handbook_app

FILES = [file for file in scan(DOCS, 5_000_000) if isinstance(file, SourceFile)]
EDITION = Handbook(DOCS).edition()


@pytest.fixture(scope="module")
def pages() -> dict[str, BeautifulSoup]:
    """Each page as it is served, by its URL."""
    with TestClient(handbook_app(DOCS)) as client:
        return {
            page.url: BeautifulSoup(client.get(page.url, headers=BROWSER).text, "html.parser") for page in EDITION.pages
        }


def test_every_file_is_a_page() -> None:
    assert sorted(page.path for page in EDITION.pages) == sorted(file.path for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_every_section_that_can_be_cited_stands_in_its_page(file: SourceFile, pages: dict[str, BeautifulSoup]) -> None:
    for section in read_sections(file, HANDBOOK_URL):
        path, _, anchor = section.url.partition("#")
        page = pages["/" if path == f"{HANDBOOK_URL}/" else path]
        assert not anchor or page.find(id=unquote(anchor)) is not None, section.url


def test_every_link_leads_somewhere(pages: dict[str, BeautifulSoup]) -> None:
    with TestClient(handbook_app(DOCS)) as client:
        for url, page in pages.items():
            for link in page.select("a[href], img[src]"):
                target = urlsplit(str(link.get("href") or link.get("src")))
                if target.scheme:
                    assert target.scheme in {"http", "https"}
                elif target.path and target.path not in pages:
                    assert client.get(target.path).status_code == 200, f"{url}: {target.path}"
                elif target.fragment:
                    assert pages[target.path or url].find(id=unquote(target.fragment)), f"{url}: {target}"


def test_headings_go_down_one_level_at_a_time(pages: dict[str, BeautifulSoup]) -> None:
    for url, page in pages.items():
        levels = [int(heading.name[1]) for heading in page.select("h1, h2, h3, h4, h5, h6")]
        assert levels[0] == 1, url
        assert levels.count(1) == 1, url
        assert all(after <= before + 1 for before, after in pairwise(levels)), url


def test_ids_are_unique(pages: dict[str, BeautifulSoup]) -> None:
    for url, page in pages.items():
        ids = sorted(str(one["id"]) for one in page.select("[id]"))
        assert [name for name, same in groupby(ids) if len(list(same)) > 1] == [], url
