from __future__ import annotations

from collections.abc import Callable

from app.index.section import Section


def test_one_section_of_paragraphs(read: Callable[..., list[Section]]) -> None:
    (section,) = read("release-notes.txt", "First\nline.\n\n\n\n# no heading\n")
    assert section.text == "First\nline.\n\n# no heading"
    assert (section.title, section.heading_path, section.anchor) == ("Release notes", (), "")
    assert section.url == "https://docs.example.org/release-notes.txt"
