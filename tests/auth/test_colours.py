"""Colours, and text that can be read on each."""

from __future__ import annotations

import random

import pytest

from app.auth.colours import parse_colour, text_on
from app.errors import InvalidInput


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, written from its definition."""

    def luminance(colour: str) -> float:
        total = 0.0
        for weight, at in ((0.2126, 1), (0.7152, 3), (0.0722, 5)):
            share = int(colour[at : at + 2], 16) / 255
            total += weight * (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)
        return total

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_can_be_read_on_any_colour() -> None:
    chosen = random.Random(7)  # noqa: S311
    colours = [f"#{chosen.randrange(1 << 24):06x}" for _ in range(500)]
    greys = [f"#{grey:02x}{grey:02x}{grey:02x}" for grey in range(256)]  # the worst of them among these
    for colour in (*colours, *greys):
        text = text_on(colour)
        assert text in {"#ffffff", "#000000"}
        assert _contrast(text, colour) >= 4.5
        assert _contrast(text, colour) >= _contrast("#ffffff" if text == "#000000" else "#000000", colour)


def test_the_measure_itself() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("written", "read"), [("#0b6e4f", "#0b6e4f"), ("#ABC", "#aabbcc"), (" #FFFFFF\n", "#ffffff"), ("#000", "#000000")]
)
def test_colours_as_people_write_them(written: str, read: str) -> None:
    assert parse_colour(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "#",
        "0b6e4f",
        "#0b6e4",
        "#0b6e4f0",
        "#0b6e4f80",
        "red",
        "#gggggg",
        "#１２３",
        "rgb(1,2,3)",
        "#fff;x:url(//e)",
        "#fff\n#fff",
    ],
)
def test_what_is_no_colour(written: str) -> None:
    with pytest.raises(InvalidInput, match="#0b6e4f"):
        parse_colour(written)
