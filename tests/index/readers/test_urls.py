from __future__ import annotations

import pytest

from app.index.readers.page import humanised
from app.index.readers.urls import Slugger, page_url, with_anchor


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("guide/install.md", "/guide/install"),
        ("guide/install.mdx", "/guide/install"),
        ("guide/index.md", "/guide/"),
        ("guide/README.md", "/guide/"),
        ("index.md", "/"),
        ("page.html", "/page.html"),
        ("a/page.rst", "/a/page"),
        ("a/index.rst", "/a/"),
        ("run.ipynb", "/run"),
        ("notes.txt", "/notes.txt"),
        ("api.yaml", "/api.yaml"),
        ("my guide/über.md", "/my%20guide/%C3%BCber"),
    ],
)
def test_served_path(path: str, served: str) -> None:
    assert page_url("https://docs.example.org/en/", path) == "https://docs.example.org/en" + served


@pytest.mark.parametrize(
    ("path", "slug", "doc_id", "served"),
    [
        ("new/quick.md", "/start", "", "/start"),
        ("new/quick.md", "start", "", "/new/start"),
        ("new/quick.md", "./start", "", "/new/start"),
        ("new/quick.md", "../../../start", "", "/start"),
        ("new/quick.md", "/", "", "/"),
        ("new/quick.md", "/a/", "", "/a/"),
        ("new/quick.md", "", "start", "/new/start"),
        ("new/quick.md", "/other", "start", "/other"),
        ("new/index.md", "", "start", "/new/"),
    ],
)
def test_front_matter(path: str, slug: str, doc_id: str, served: str) -> None:
    assert page_url("https://d.org", path, slug=slug, doc_id=doc_id) == "https://d.org" + served


def test_relative_url_keeps_the_file_name() -> None:
    assert page_url("", "new/quick.md", slug="/start") == "new/quick.md"
    assert with_anchor("new/quick.md", "step-1") == "new/quick.md#step-1"
    assert with_anchor("new/quick.md", "") == "new/quick.md"


def test_slugs_of_github() -> None:
    slugger = Slugger()
    headings = [
        "Step 1: Install it!",
        "C++ & `Rust`",
        "Übersicht",
        "snake_case-name",
        "A  b",
        "FAQ",
        "FAQ",
        "FAQ-1",
        "FAQ",
    ]
    assert [slugger.slug(heading) for heading in headings] == [
        "step-1-install-it",
        "c--rust",
        "übersicht",
        "snake_case-name",
        "a--b",
        "faq",
        "faq-1",
        "faq-1-1",
        "faq-2",
    ]


def test_titles_of_file_names() -> None:
    assert humanised("features/load-unload.md") == "Load unload"
    assert humanised("features/index.md") == "Features"
    assert humanised("README.md") == "README"
