from __future__ import annotations

import codecs

import pytest

from app.index.readers import UnreadableFile
from app.index.readers.encoding import decode, is_binary

GERMAN = "Größe ändern: Öffnen Sie das Menü und wählen Sie die Übersicht für Schlüssel aus."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding)) == GERMAN


def test_utf16_is_no_binary() -> None:
    assert not is_binary(codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"))
    assert is_binary(GERMAN.encode("utf-16-be"))


def test_short_western_text() -> None:
    assert decode("Schöne Grüße".encode("cp1252")) == "Schöne Grüße"


def test_declared_in_html() -> None:
    page = '<meta charset="iso-8859-2"><p>Žluťoučký kůň</p>'
    assert decode(page.encode("iso-8859-2")) == page


def test_line_ends() -> None:
    assert decode(b"a\r\nb\rc") == "a\nb\nc"


def test_no_text_at_all() -> None:
    with pytest.raises(UnreadableFile, match="encoding"):
        decode(bytes(range(128, 256)) * 8 + bytes(range(1, 32)) * 20)
