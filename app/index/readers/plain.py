"""Plain text: one section, as it is."""

from __future__ import annotations

import re

from app.index.readers.page import Outline, Page


def read_plain(text: str, fallback_title: str) -> Page:
    outline = Outline(fallback_title)
    outline.text(re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", text))
    return outline.page(fallback_title)
