"""Colours of a widget, with the text colour that can be read on each."""

from __future__ import annotations

import re

from app.errors import InvalidInput

_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def parse_colour(text: str) -> str:
    """`text` as #rrggbb. Raises InvalidInput."""
    found = _HEX.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{text!r} is no colour: write it as #0b6e4f")
    digits = found[1].lower()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def text_on(colour: str) -> str:
    """Black or white, whichever has the higher contrast ratio (WCAG 2.2) on `colour`; one of both has 4.58 or more."""
    luminance = _luminance(colour)
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
