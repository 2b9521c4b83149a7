"""reStructuredText, Sphinx's included: sections with docutils' ids as anchors, their content as markdown."""

from __future__ import annotations

import io

from docutils import nodes
from docutils.core import publish_doctree
from docutils.utils import SystemMessage

from app.index.readers.page import Outline, Page, UnreadableFile
from app.index.readers.rst_markdown import blocks_of, inline_of
from app.index.readers.sphinx_markup import register_markup

_SETTINGS = {
    "_disable_config": True,
    "auto_id_prefix": "id",  # as Sphinx names the second of two equal headings
    "doctitle_xform": False,
    "file_insertion_enabled": False,
    "halt_level": 5,  # never
    "input_encoding": "unicode",
    "raw_enabled": False,
    "report_level": 5,  # nothing
    "syntax_highlight": "none",
}


def read_rst(text: str, fallback_title: str) -> Page:
    """A page of reStructuredText. Nothing is included from other files, raw markup is dropped."""
    register_markup(text)
    try:
        document = publish_doctree(text, settings_overrides={**_SETTINGS, "warning_stream": io.StringIO()})
        outline = Outline()
        _read_section(document, outline, level=0)
    except RecursionError as error:
        raise UnreadableFile("The reStructuredText is nested too deeply.") from error
    except SystemMessage as error:
        raise UnreadableFile("The reStructuredText cannot be parsed.") from error
    return outline.page(fallback_title)


def _read_section(node: nodes.Element, outline: Outline, level: int) -> None:
    for child in node.children:
        if isinstance(child, nodes.section):
            title = next(iter(child.findall(nodes.title)), None)
            heading = " ".join(inline_of(title, plain=True).split()) if title is not None else ""
            outline.heading(level + 1, heading, child["ids"][0] if child["ids"] else "")
            _read_section(child, outline, level + 1)
        elif not isinstance(child, nodes.title):
            for block in blocks_of(child):
                outline.text(block)
