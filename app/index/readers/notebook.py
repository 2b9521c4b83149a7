"""Jupyter notebooks: markdown cells and code cells in their order, without outputs."""

from __future__ import annotations

import json
import re
from typing import Any

from app.index.readers.markdown import read_markdown
from app.index.readers.markdown_text import fence
from app.index.readers.page import Page, UnreadableFile


def read_notebook(text: str, fallback_title: str) -> Page:
    """A notebook as one markdown page, so that headings go on over its cells."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile("The notebook is not valid JSON.") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise UnreadableFile("The notebook has no list of cells (notebook format 4).")
    language = _language(notebook.get("metadata"))
    pieces = [_cell(cell, language) for cell in cells if isinstance(cell, dict)]
    return read_markdown("\n\n".join(pieces), fallback_title, mdx=False)


def _cell(cell: dict[str, Any], language: str) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str) or not source.strip():
        return ""
    if cell.get("cell_type") == "markdown":
        return source
    if cell.get("cell_type") != "code":
        return ""
    return fence(source, language)


def _language(metadata: object) -> str:
    """Language of the kernel as the notebook names it, '' where it does not."""
    if not isinstance(metadata, dict):
        return ""
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(section)
        name = found.get(key) if isinstance(found, dict) else None
        if isinstance(name, str) and re.fullmatch(r"[\w+#.-]+", name):
            return name.lower()
    return ""
