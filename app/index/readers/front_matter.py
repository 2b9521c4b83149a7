"""The YAML block at the top of a markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from app.index.readers.safe_yaml import TooLarge, load_yaml

_BLOCK = re.compile(r"\A\s*^---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^(title|slug|id|description)[ \t]*:[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    title: str = ""
    slug: str = ""
    doc_id: str = ""
    description: str = ""


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """The front matter and the text after it. A broken block is read line by line, as far as that goes."""
    block = _BLOCK.match(text)
    if block is None:
        return FrontMatter(), text
    try:
        loaded = load_yaml(block[1])
    except (yaml.YAMLError, TooLarge):
        loaded = {key: value.strip("\"'") for key, value in _LINE.findall(block[1])}
    if loaded is not None and not isinstance(loaded, dict):
        return FrontMatter(), text  # text between two rules
    values = loaded or {}
    wanted = {key: _as_text(values.get(key)) for key in ("title", "slug", "id", "description")}
    found = FrontMatter(wanted["title"], wanted["slug"], wanted["id"], wanted["description"])
    return found, text[block.end() :]


def _as_text(value: object) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""
