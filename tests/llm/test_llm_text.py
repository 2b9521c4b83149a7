from __future__ import annotations

from collections.abc import Callable

import pytest

from app.llm.embedded.text import TextStream


def bytes_decoder(tokens: list[int]) -> str:
    """Tokens are bytes; unfinished characters are left out, as the real detokenizer does."""
    return bytes(tokens).decode("utf-8", "ignore")


def replacing_decoder(tokens: list[int]) -> str:
    return bytes(tokens).decode("utf-8", "replace")


@pytest.mark.parametrize("decode", [bytes_decoder, replacing_decoder])
def test_characters_are_never_broken(decode: Callable[[list[int]], str]) -> None:
    text = "a😀b日本 ü."
    stream = TextStream(decode, [])
    pieces = [stream.push([byte]) for byte in text.encode()]
    assert "".join(pieces) + stream.finish() == text
    assert [piece for piece in pieces if piece] == list(text)


def test_an_unfinished_character_at_the_end_is_left_out() -> None:
    stream = TextStream(replacing_decoder, [])
    assert stream.push(b"ab") + stream.push("😀".encode()[:2]) + stream.finish() == "ab"


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one END two", ["END"], "one "),
        ("one EN", ["END"], "one EN"),
        ("one EEND", ["END"], "one E"),
        ("aabaac", ["aac"], "aab"),
        ("xyz", ["z", "y"], "x"),
        ("END", ["END"], ""),
        ("ü😀ß", ["😀"], "ü"),
        ("no stop", [], "no stop"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_stop_strings_end_the_text_and_never_show(text: str, stop: list[str], expected: str, size: int) -> None:
    stream = TextStream(bytes_decoder, stop)
    data = list(text.encode())
    shown = ""
    for at in range(0, len(data), size):
        shown += stream.push(data[at : at + size])
        assert expected.startswith(shown)
    assert shown + stream.finish() == expected
    assert stream.stopped == (expected != text)
