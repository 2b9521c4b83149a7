from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import NotFound
from app.handbook.folder import Handbook


def test_pages_are_read_in_the_order_of_the_start_page_and_unlisted_ones_last(guide: Path) -> None:
    edition = Handbook(guide).edition()
    assert [page.url for page in edition.pages] == [
        "/",
        "/handbook/how-to/set-up",
        "/handbook/reference/codes",
        "/handbook/how-to/clean",
    ]


def test_parts_are_the_folders_and_the_pages_in_none(guide: Path) -> None:
    (guide / "history.md").write_text("# History\n")
    parts = Handbook(guide).edition().parts()
    assert [(part.title, [page.title for page in part.pages]) for part in parts] == [
        ("How-to", ["Set up", "Clean"]),
        ("Reference", ["Codes"]),
        ("", ["History"]),
    ]


def test_neighbours_are_the_pages_before_and_after(guide: Path) -> None:
    edition = Handbook(guide).edition()
    first, second, *_, last = edition.pages
    assert edition.neighbours(first) == (None, second)
    assert edition.neighbours(second)[0] is first
    assert edition.neighbours(last) == (edition.pages[-2], None)


def test_page_is_rendered_once(guide: Path) -> None:
    handbook = Handbook(guide)
    first, second = handbook.edition(), handbook.edition()
    assert first.rendered(first.start()) is second.rendered(second.start())


def test_changed_added_and_removed_files_are_seen(guide: Path) -> None:
    handbook = Handbook(guide)
    handbook.edition().rendered(handbook.edition().at("how-to/clean"))
    file = guide / "how-to/clean.md"
    file.write_text("# Clean it\n\nWith a wet cloth.\n")
    os.utime(file, ns=(1, 1))
    edition = handbook.edition()
    assert "wet cloth" in edition.rendered(edition.at("how-to/clean")).html
    (guide / "how-to/new.md").write_text("# New\n")
    assert handbook.edition().at("how-to/new").title == "New"
    file.unlink()
    with pytest.raises(NotFound):
        handbook.edition().at("how-to/clean")


def test_page_is_served_where_its_citations_link_to(guide: Path) -> None:
    (guide / "how-to/named.md").write_text("---\nslug: /other name\n---\n# Named\n")
    edition = Handbook(guide).edition()
    assert edition.at("other name").url == "/handbook/other%20name"
    with pytest.raises(NotFound):
        edition.at("how-to/named")


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("../reference/codes.md#top", "/handbook/reference/codes#top"),
        ("../index.md", "/"),
        ("set%2Dup.md", "/handbook/how-to/set-up"),
        ("../images/lamp.svg", "/handbook/images/lamp.svg"),
        ("#here", "#here"),
        ("/readyz", "/readyz"),
        ("https://example.org/x.md", "https://example.org/x.md"),
        ("mailto:us@example.org", "mailto:us@example.org"),
        ("../../secret.md", None),
        ("../images/notes.txt", None),
        ("missing.md", None),
    ],
)
def test_target_of_a_link(guide: Path, link: str, target: str | None) -> None:
    edition = Handbook(guide).edition()
    assert edition.target(edition.at("how-to/clean"), link) == target


def test_links_out_of_the_folder_are_not_followed(guide: Path) -> None:
    (guide / "leak.md").symlink_to(guide.parent / "secret.md")
    (guide.parent / "secret.png").write_bytes(b"x")
    (guide / "images/leak.png").symlink_to(guide.parent / "secret.png")
    edition = Handbook(guide).edition()
    with pytest.raises(NotFound):
        edition.at("leak")
    with pytest.raises(NotFound):
        edition.image("leak.png")


def test_missing_folder_has_no_pages(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Handbook(tmp_path / "none").edition().start()
