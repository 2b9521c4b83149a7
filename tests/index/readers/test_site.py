"""URLs and anchors as the generator of the docs' site writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.index.readers import SourceFile, read_sections, scan, site_of
from app.index.readers.site import Site, TocSlugger

BASE = "https://docs.example.org"
MKDOCS = (
    "site_name: Ferry\nmarkdown_extensions:\n  - pymdownx.emoji:\n      emoji_index: !!python/name:material.twemoji\n"
)


def urls(docs: Path) -> list[str]:
    site = site_of(docs, "auto")
    files = [each for each in scan(docs, 5_000_000) if isinstance(each, SourceFile)]
    return [one.url for file in files for one in read_sections(file, BASE, site=site) if one.text.strip()]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "docs"
    (folder / "guide").mkdir(parents=True)
    (folder / "index.md").write_text("# Ferry\n\nIt copies.\n", encoding="utf-8")
    page = (
        "---\nslug: /else\nid: other\n---\n# Copy\n\nOne.\n\n## Limits & speed\n\nTwo.\n\n## Limits & speed\n\nThree.\n"
    )
    (folder / "guide" / "copy.md").write_text(page, encoding="utf-8")
    return folder


def test_mkdocs_has_a_folder_for_each_page(docs: Path) -> None:
    (docs.parent / "mkdocs.yml").write_text(MKDOCS, encoding="utf-8")
    assert urls(docs) == [
        f"{BASE}/guide/copy/",
        f"{BASE}/guide/copy/#limits-speed",
        f"{BASE}/guide/copy/#limits-speed_1",
        f"{BASE}/",
    ]


def test_mkdocs_has_files_where_its_configuration_says_so(docs: Path) -> None:
    (docs.parent / "mkdocs.yml").write_text(MKDOCS + "use_directory_urls: false\n", encoding="utf-8")
    assert urls(docs)[0] == f"{BASE}/guide/copy.html"
    assert urls(docs)[-1] == f"{BASE}/"


def test_without_a_configuration_the_rules_are_those_of_docusaurus(docs: Path) -> None:
    assert urls(docs)[1:3] == [f"{BASE}/else#limits--speed", f"{BASE}/else#limits--speed-1"]


def test_a_setting_wins_over_what_stands_beside_the_docs(docs: Path) -> None:
    assert site_of(docs, "mkdocs") == Site(mkdocs=True)
    (docs.parent / "mkdocs.yml").write_text(MKDOCS, encoding="utf-8")
    assert site_of(docs, "docusaurus") == Site()
    assert site_of(docs / "index.md", "auto") == Site(mkdocs=True)


@pytest.mark.parametrize(
    ("headings", "anchors"),
    [
        (["Über & Straße!"], ["uber-strae"]),
        (["A  b - c"], ["a-b-c"]),
        (["Same", "Same", "Same"], ["same", "same_1", "same_2"]),
        (["Step_1", "Step_1"], ["step_1", "step_2"]),
        (["安装", "安装"], ["_1", "_2"]),
    ],
)
def test_anchors_are_those_of_python_markdown(headings: list[str], anchors: list[str]) -> None:
    """As markdown.extensions.toc 3.11 gives them for the same headings."""
    slugger = TocSlugger()
    assert [slugger.slug(heading) for heading in headings] == anchors
